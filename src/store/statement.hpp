#pragma once
#include "base/clock.hpp"
#include "base/secret.hpp"

#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::store {

/// One execution of a prepared statement: values are bound in the order of its question marks,
/// and the statement is free for the next execution when this goes, however it went. Bound values
/// are not copied and must outlive it. Throws SQLite::Exception.
class Execution {
 public:
    explicit Execution(SQLite::Statement& statement) : statement_(statement) {}
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;
    ~Execution();

    Execution& bind(const std::string& text);
    Execution& bind(std::string&& text) = delete;
    Execution& bind(std::int64_t number);
    Execution& bind(WallTime time);
    Execution& bind(const std::optional<WallTime>& time);
    Execution& bind(const Secret& secret);
    Execution& bind_null();

    /// False when there is no further row.
    bool step() { return statement_.executeStep(); }
    /// Runs a statement without rows; how many rows it changed.
    int run() { return statement_.exec(); }

 private:
    SQLite::Statement& statement_;
    int position_ = 0;
};

/// Reads the columns of the current row from left to right.
class Row {
 public:
    explicit Row(const SQLite::Statement& statement) : statement_(statement) {}

    [[nodiscard]] std::string text() { return std::string(view()); }
    /// Until the next step.
    [[nodiscard]] std::string_view view();
    [[nodiscard]] std::int64_t number();
    [[nodiscard]] WallTime time();
    [[nodiscard]] std::optional<WallTime> optional_time();
    [[nodiscard]] Secret secret();
    [[nodiscard]] bool next_is_null() const;
    void skip(int columns) { position_ += columns; }

 private:
    const SQLite::Statement& statement_;
    int position_ = 0;
};

}  // namespace mesh::store

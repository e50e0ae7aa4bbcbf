#pragma once
#include "base/result.hpp"
#include "store/records.hpp"

#include <memory>

namespace SQLite {
class Database;
}

namespace mesh::store {

/// Turns changes into rows. Its statements are prepared once, so that thousands of changes cost
/// no parsing. The caller opens and closes the transaction around it.
class ChangeWriter {
 public:
    explicit ChangeWriter(SQLite::Database& database);
    ~ChangeWriter();

    /// Applies all changes in order. Errors: not_found (PutVersion or PutOrder without a
    /// certificate record), invalid (names). Throws SQLite::Exception. After either, the caller
    /// rolls back.
    [[nodiscard]] Result<Applied> apply(const Transition& transition);

    /// Whether rows that held keys were deleted since the last call.
    [[nodiscard]] bool take_keys_were_deleted();

 private:
    struct Statements;
    class Visitor;
    std::unique_ptr<Statements> statements_;
    bool keys_deleted_ = false;
    std::size_t history_until_prune_ = 0;
};

}  // namespace mesh::store

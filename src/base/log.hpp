#pragma once
#include "base/clock.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

[[nodiscard]] std::string_view to_string(LogLevel level);

/// One `key=value` of a log line. Refers to its texts; numbers are converted on the spot, and stay
/// numbers where the format has such.
struct LogField {
    LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
    LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
    LogField(std::string_view k, const char* v) : key(k), value(v) {}
    LogField(std::string_view k, std::int64_t v);
    LogField(std::string_view k, std::uint64_t v);
    LogField(std::string_view k, int v) : LogField(k, static_cast<std::int64_t>(v)) {}
    LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), is_literal(true) {}
    LogField(const LogField& other);
    LogField& operator=(const LogField&) = delete;
    ~LogField() = default;

    std::string_view key;
    std::string_view value;
    bool is_literal = false;  ///< a number, true or false

 private:
    std::array<char, 24> digits_{};
};

/// What a reader of the ring gets: views into the slot, valid during the call only.
struct LogRecord {
    WallTime time;
    LogLevel level = LogLevel::info;
    std::string_view event;    ///< stable name for scripts, may be empty
    std::string_view message;  ///< constant text for people
    struct Field {
        std::string_view key;
        std::string_view value;
        bool is_literal = false;  ///< a number, true or false
    };
    std::vector<Field> fields;
};

/// A bounded queue of log records with one producer and one consumer; neither ever waits. A full
/// ring drops the new record and counts it. A record longer than a slot is cut, field by field.
class LogRing {
 public:
    static constexpr std::size_t slot_size = 2048;

    explicit LogRing(std::size_t slots = 512);

    /// Producer side. False when the ring was full.
    bool push(WallTime time,
              LogLevel level,
              std::string_view event,
              std::string_view message,
              std::span<const LogField> fields) noexcept;

    /// Consumer side: hands the oldest record to `visit` and frees it. False when empty.
    template <class Visit>
    bool pop(Visit&& visit) {
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        if (tail == head_.load(std::memory_order_acquire)) return false;
        visit(decode(slots_[tail % slots_.size()]));
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }

    /// Records dropped so far because the ring was full.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
    struct Slot {
        WallTime time;
        LogLevel level;
        std::uint16_t size;
        std::array<char, slot_size> text;
    };
    static LogRecord decode(const Slot& slot);

    std::vector<Slot> slots_;
    alignas(64) std::atomic<std::uint64_t> head_{0};
    alignas(64) std::atomic<std::uint64_t> tail_{0};
    std::atomic<std::uint64_t> dropped_{0};
};

/// What code logs through. Never blocks on output.
class Log {
 public:
    virtual ~Log() = default;
    virtual void write(LogLevel level,
                       std::string_view event,
                       std::string_view message,
                       std::initializer_list<LogField> fields) = 0;
    [[nodiscard]] virtual bool enabled(LogLevel level) const = 0;

    void debug(std::string_view event, std::string_view m, std::initializer_list<LogField> f = {}) {
        write(LogLevel::debug, event, m, f);
    }
    void info(std::string_view event, std::string_view m, std::initializer_list<LogField> f = {}) {
        write(LogLevel::info, event, m, f);
    }
    void warn(std::string_view event, std::string_view m, std::initializer_list<LogField> f = {}) {
        write(LogLevel::warn, event, m, f);
    }
    void error(std::string_view event, std::string_view m, std::initializer_list<LogField> f = {}) {
        write(LogLevel::error, event, m, f);
    }
};

/// A Log that only one thread uses (a worker's): no lock.
class RingLog final : public Log {
 public:
    RingLog(LogRing& ring, const Clock& clock, LogLevel threshold)
        : ring_(ring), clock_(clock), threshold_(threshold) {}
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override;
    /// The same for fields that are put together one by one.
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::span<const LogField> fields);
    [[nodiscard]] bool enabled(LogLevel level) const override {
        return level >= threshold_.load(std::memory_order_relaxed);
    }
    /// Thread-safe: from now on.
    void set_threshold(LogLevel threshold) {
        threshold_.store(threshold, std::memory_order_relaxed);
    }

 private:
    LogRing& ring_;
    const Clock& clock_;
    std::atomic<LogLevel> threshold_;
};

/// A Log that the control plane's threads share; producers take a short lock.
class SharedRingLog final : public Log {
 public:
    SharedRingLog(LogRing& ring, const Clock& clock, LogLevel threshold)
        : inner_(ring, clock, threshold) {}
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override;
    [[nodiscard]] bool enabled(LogLevel level) const override { return inner_.enabled(level); }
    /// Thread-safe: from now on.
    void set_threshold(LogLevel threshold) { inner_.set_threshold(threshold); }

 private:
    std::mutex mutex_;
    RingLog inner_;
};

/// Discards everything; for tools and tests that do not look at the log.
class NullLog final : public Log {
 public:
    void write(LogLevel,
               std::string_view,
               std::string_view,
               std::initializer_list<LogField>) override {}
    [[nodiscard]] bool enabled(LogLevel) const override { return false; }
};

}  // namespace mesh

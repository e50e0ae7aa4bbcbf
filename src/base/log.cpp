#include "base/log.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace mesh {
namespace {

constexpr std::size_t length_size = sizeof(std::uint16_t);
/// Set in the length of a value that is a number, true or false; no slot holds texts so long.
constexpr std::uint16_t literal_mark = 0x8000;
static_assert(LogRing::slot_size < literal_mark);

/// Appends length-prefixed strings to a slot until it is full.
class SlotWriter {
 public:
    explicit SlotWriter(std::span<char> text) : text_(text) {}

    /// Cuts `value` to what fits and leaves `reserve` bytes free. The caller has seen to it that
    /// its length fits, which takes `length_size`.
    void append(std::string_view value, std::size_t reserve = 0, std::uint16_t mark = 0) {
        const std::size_t fits = room() - length_size - reserve;
        const auto size = static_cast<std::uint16_t>(std::min(value.size(), fits));
        // A number that was cut would be another one.
        const auto stored = static_cast<std::uint16_t>(size | (size == value.size() ? mark : 0U));
        std::memcpy(text_.data() + used_, &stored, length_size);
        if (size != 0) std::memcpy(text_.data() + used_ + length_size, value.data(), size);
        used_ += length_size + size;
    }
    [[nodiscard]] std::size_t used() const { return used_; }
    [[nodiscard]] std::size_t room() const { return text_.size() - used_; }

 private:
    std::span<char> text_;
    std::size_t used_ = 0;
};

struct ReadString {
    std::string_view text;
    bool is_literal;
};

ReadString read_marked(std::string_view& rest) {
    std::uint16_t stored = 0;
    std::memcpy(&stored, rest.data(), length_size);
    const std::size_t size = stored & ~std::uint32_t{literal_mark};
    const std::string_view text = rest.substr(length_size, size);
    rest.remove_prefix(length_size + size);
    return {text, (stored & literal_mark) != 0};
}

std::string_view read_string(std::string_view& rest) {
    return read_marked(rest).text;
}

}  // namespace

std::string_view to_string(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "DEBUG";
        case LogLevel::info:
            return "INFO";
        case LogLevel::warn:
            return "WARN";
        case LogLevel::error:
            return "ERROR";
    }
    return "INFO";
}

LogField::LogField(const LogField& other)
    : key(other.key), value(other.value), is_literal(other.is_literal), digits_(other.digits_) {
    // A number's text is in the object itself.
    if (other.value.data() == other.digits_.data()) value = {digits_.data(), other.value.size()};
}

LogField::LogField(std::string_view k, std::int64_t v) : key(k), is_literal(true) {
    const auto end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), v).ptr;
    value = {digits_.data(), static_cast<std::size_t>(end - digits_.data())};
}

LogField::LogField(std::string_view k, std::uint64_t v) : key(k), is_literal(true) {
    const auto end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), v).ptr;
    value = {digits_.data(), static_cast<std::size_t>(end - digits_.data())};
}

LogRing::LogRing(std::size_t slots) : slots_(slots) {}

bool LogRing::push(WallTime time,
                   LogLevel level,
                   std::string_view event,
                   std::string_view message,
                   std::span<const LogField> fields) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == slots_.size()) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    Slot& slot = slots_[head % slots_.size()];
    slot.time = time;
    slot.level = level;
    SlotWriter writer(slot.text);
    writer.append(event, length_size);
    writer.append(message);
    for (const LogField& field : fields) {
        if (field.key.size() + 2 * length_size > writer.room()) break;
        writer.append(field.key);
        writer.append(field.value, 0, field.is_literal ? literal_mark : 0);
    }
    slot.size = static_cast<std::uint16_t>(writer.used());
    head_.store(head + 1, std::memory_order_release);
    return true;
}

LogRecord LogRing::decode(const Slot& slot) {
    std::string_view rest(slot.text.data(), slot.size);
    LogRecord record;
    record.time = slot.time;
    record.level = slot.level;
    record.event = read_string(rest);
    record.message = read_string(rest);
    while (!rest.empty()) {
        const std::string_view key = read_string(rest);
        const ReadString value = read_marked(rest);
        record.fields.push_back({key, value.text, value.is_literal});
    }
    return record;
}

void RingLog::write(LogLevel level,
                    std::string_view event,
                    std::string_view message,
                    std::initializer_list<LogField> fields) {
    write(level, event, message, std::span(fields.begin(), fields.size()));
}

void RingLog::write(LogLevel level,
                    std::string_view event,
                    std::string_view message,
                    std::span<const LogField> fields) {
    if (!enabled(level)) return;
    ring_.push(clock_.now(), level, event, message, fields);
}

void SharedRingLog::write(LogLevel level,
                          std::string_view event,
                          std::string_view message,
                          std::initializer_list<LogField> fields) {
    if (!enabled(level)) return;
    const std::lock_guard lock(mutex_);
    inner_.write(level, event, message, fields);
}

}  // namespace mesh

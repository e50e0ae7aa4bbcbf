#include "acme/retry_after.hpp"

#include "base/ascii.hpp"
#include "base/time_text.hpp"

#include <algorithm>
#include <charconv>

namespace mesh::acme {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds shortest = seconds{1};
constexpr milliseconds longest = std::chrono::hours{24};

RetryAfter clamped(milliseconds delay, WallTime now) {
    const bool odd = delay < milliseconds{0} || delay > longest;
    return {now + std::clamp(delay, shortest, longest), odd};
}

}  // namespace

RetryAfter read_retry_after(std::string_view value, std::optional<WallTime> ca_date, WallTime now) {
    value = trimmed(value);
    if (value.empty()) return {};
    std::int64_t number = 0;
    const char* end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, number);
    if (parsed.ptr == end) {
        // Beyond what the type holds: far too long, or far below zero.
        const bool beyond = parsed.ec == std::errc::result_out_of_range;
        const std::int64_t extreme = value.front() == '-' ? -1 : 1'000'000'000;
        number = beyond ? extreme : std::clamp<std::int64_t>(number, -1, 1'000'000'000);
        return clamped(seconds{number}, now);
    }
    if (const auto date = parse_http_date(value))
        return clamped(*date - ca_date.value_or(now), now);
    return {std::nullopt, true};
}

}  // namespace mesh::acme

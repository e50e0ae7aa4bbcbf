#include "base/duration.hpp"

#include <charconv>
#include <cmath>

namespace mesh {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds limit = std::chrono::hours{24 * 3660};

struct Unit {
    std::string_view name;
    std::int64_t ms;
};
constexpr Unit units[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

Error not_a_duration(std::string_view text) {
    return {Errc::invalid,
            Origin::config,
            "not a duration: \"" + std::string(text.substr(0, 40)) +
                "\"; write it like 10s, 1h30m or 250ms"};
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
    if (text.empty()) return not_a_duration(text);
    double total = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        double number = 0;
        const auto parsed = std::from_chars(at, end, number, std::chars_format::fixed);
        // Signs, "inf" and "nan" are numbers to from_chars and none here.
        const bool starts_as_number = (*at >= '0' && *at <= '9') || *at == '.';
        if (parsed.ec != std::errc{} || !starts_as_number) return not_a_duration(text);
        const char* const name_begin = parsed.ptr;
        const char* name_end = name_begin;
        while (name_end != end && *name_end >= 'a' && *name_end <= 'z') ++name_end;
        const std::string_view name(name_begin, static_cast<std::size_t>(name_end - name_begin));
        const bool bare_seconds = name.empty() && at == text.data() && name_end == end;
        std::int64_t factor = bare_seconds ? 1'000 : 0;
        for (const Unit& unit : units)
            if (unit.name == name) factor = unit.ms;
        if (factor == 0) return not_a_duration(text);
        total += number * static_cast<double>(factor);
        if (total > static_cast<double>(limit.count())) return not_a_duration(text);
        at = name_end;
    }
    // 1.001 s is 1000.999... in binary; and what is too short to count must not become "off".
    const std::int64_t rounded = std::llround(total);
    if (rounded == 0 && total > 0) return not_a_duration(text);
    return milliseconds{rounded};
}

std::string describe(milliseconds duration) {
    std::int64_t rest = duration.count();
    if (rest < 0) return "-" + describe(-duration);
    if (rest == 0) return "0s";
    std::string out;
    int parts = 0;
    for (int i = 4; i >= 0 && parts < 2; --i) {
        const std::int64_t count = rest / units[i].ms;
        if (count == 0) {
            if (parts > 0) break;
            continue;
        }
        out += std::to_string(count);
        out += units[i].name;
        rest %= units[i].ms;
        ++parts;
    }
    return out;
}

}  // namespace mesh

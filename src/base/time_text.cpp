#include "base/time_text.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace mesh {
namespace {

using namespace std::chrono;

struct Civil {
    int year, month, day, hour, minute, second;
};

Civil civil(WallTime time) {
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{floor<seconds>(time - day)};
    return {int(date.year()),
            static_cast<int>(unsigned(date.month())),
            static_cast<int>(unsigned(date.day())),
            static_cast<int>(clock.hours().count()),
            static_cast<int>(clock.minutes().count()),
            static_cast<int>(clock.seconds().count())};
}

Error not_a_date(std::string_view text) {
    return {
        Errc::invalid, Origin::client, "not a date: \"" + std::string(text.substr(0, 40)) + "\""};
}

/// Exactly `width` digits at `position`.
bool digits(std::string_view text, std::size_t position, std::size_t width, int& out) {
    if (position + width > text.size()) return false;
    const char* const first = text.data() + position;
    for (std::size_t i = 0; i < width; ++i)
        if (first[i] < '0' || first[i] > '9') return false;
    return std::from_chars(first, first + width, out).ec == std::errc{};
}

bool make(const Civil& c, WallTime& out) {
    const year_month_day date{
        year{c.year}, month{static_cast<unsigned>(c.month)}, day{static_cast<unsigned>(c.day)}};
    if (!date.ok() || c.hour > 23 || c.minute > 59 || c.second > 60) return false;
    out = sys_days{date} + hours{c.hour} + minutes{c.minute} + seconds{c.second};
    return true;
}

}  // namespace

std::string rfc3339(WallTime time) {
    const Civil c = civil(time);
    std::array<char, 40> text{};
    const int length = std::snprintf(text.data(),
                                     text.size(),
                                     "%04d-%02d-%02dT%02d:%02d:%02dZ",
                                     c.year,
                                     c.month,
                                     c.day,
                                     c.hour,
                                     c.minute,
                                     c.second);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::string rfc3339_ms(WallTime time) {
    const auto part = (time - floor<seconds>(time)).count();
    std::string text = rfc3339(time);
    text.pop_back();
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(part));
    return text + fraction.data();
}

Result<WallTime> parse_rfc3339(std::string_view text) {
    Civil c{};
    if (text.size() < 20 || !digits(text, 0, 4, c.year) || text[4] != '-' ||
        !digits(text, 5, 2, c.month) || text[7] != '-' || !digits(text, 8, 2, c.day) ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || !digits(text, 11, 2, c.hour) ||
        text[13] != ':' || !digits(text, 14, 2, c.minute) || text[16] != ':' ||
        !digits(text, 17, 2, c.second))
        return not_a_date(text);
    WallTime time;
    if (!make(c, time)) return not_a_date(text);

    std::size_t position = 19;
    if (text[position] == '.') {
        if (int first = 0; !digits(text, position + 1, 1, first)) return not_a_date(text);
        int scale = 100;
        for (++position; position < text.size() && text[position] >= '0' && text[position] <= '9';
             ++position) {
            time += milliseconds{(text[position] - '0') * scale};
            scale /= 10;
        }
    }
    const std::string_view zone = text.substr(position);
    if (zone == "Z" || zone == "z") return time;
    int hour = 0;
    int minute = 0;
    if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || !digits(zone, 1, 2, hour) ||
        zone[3] != ':' || !digits(zone, 4, 2, minute) || hour > 23 || minute > 59)
        return not_a_date(text);
    const auto offset = hours{hour} + minutes{minute};
    return zone[0] == '+' ? time - offset : time + offset;
}

Result<WallTime> parse_http_date(std::string_view text) {
    static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    Civil c{};
    if (text.size() != 29 || text.substr(3, 2) != ", " || !digits(text, 5, 2, c.day) ||
        text[7] != ' ' || text[11] != ' ' || !digits(text, 12, 4, c.year) || text[16] != ' ' ||
        !digits(text, 17, 2, c.hour) || text[19] != ':' || !digits(text, 20, 2, c.minute) ||
        text[22] != ':' || !digits(text, 23, 2, c.second) || text.substr(25) != " GMT")
        return not_a_date(text);
    const std::size_t month = months.find(text.substr(8, 3));
    if (month == std::string_view::npos || month % 3 != 0) return not_a_date(text);
    c.month = static_cast<int>(month / 3) + 1;
    WallTime time;
    if (!make(c, time)) return not_a_date(text);
    return time;
}

}  // namespace mesh

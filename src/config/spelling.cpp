#include "config/spelling.hpp"

#include "base/ascii.hpp"

#include <algorithm>

namespace mesh::config {
std::string lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
    return out;
}

std::optional<bool> parse_boolean(std::string_view text) {
    constexpr std::string_view on[] = {"true", "yes", "on", "1"};
    constexpr std::string_view off[] = {"false", "no", "off", "0"};
    const auto is = [text](std::string_view word) { return equal_ignoring_case(word, text); };
    if (std::any_of(std::begin(on), std::end(on), is)) return true;
    if (std::any_of(std::begin(off), std::end(off), is)) return false;
    return std::nullopt;
}

}  // namespace mesh::config

#include "config/spelling.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return lower(x) == lower(y);
    });
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
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

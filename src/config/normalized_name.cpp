#include "config/normalized_name.hpp"

#include "base/ascii.hpp"
#include "config/quote.hpp"
#include "config/source_text.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

bool is_letter_or_digit(std::string_view character) {
    const char c = ascii_lower(character.front());
    if (character.size() == 1) return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return printable(character) == character;
}

}  // namespace

std::string normalized_name(std::string_view name) {
    std::string out;
    bool apart = false;
    while (!name.empty()) {
        const auto size = std::max<std::size_t>(utf8_sequence_size(name), 1);
        const std::string_view character = name.substr(0, size);
        name.remove_prefix(size);
        if (!is_letter_or_digit(character)) {
            apart = !out.empty();
            continue;
        }
        if (apart) out += '-';
        apart = false;
        out += character;
    }
    return out;
}

}  // namespace mesh::config

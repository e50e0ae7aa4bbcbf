#include "config/quote.hpp"

#include "config/source_text.hpp"

namespace mesh::config {
namespace {

/// U+0080..U+009F; U+200E, U+200F, U+202A..U+202E and U+2066..U+2069, which turn text around;
/// U+2028 and U+2029, which break lines.
bool is_unprintable(std::string_view character) {
    if (character.size() == 1) {
        const auto byte = static_cast<unsigned char>(character.front());
        return byte < 0x20 || byte == 0x7F;
    }
    if (character.size() == 2) return character.front() == '\xC2' && (character[1] & 0x60) == 0;
    if (character.size() != 3 || character[0] != '\xE2') return false;
    const auto last = static_cast<unsigned char>(character[2]);
    if (character[1] == '\x80')
        return last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE);
    return character[1] == '\x81' && last >= 0xA6 && last <= 0xA9;
}

}  // namespace

std::string printable(std::string_view text, std::size_t characters_max) {
    std::string out;
    std::size_t shown = 0;
    while (!text.empty() && shown < characters_max) {
        const std::size_t size = utf8_sequence_size(text);
        const std::string_view character = text.substr(0, size == 0 ? 1 : size);
        out += size == 0 || is_unprintable(character) ? std::string_view("?") : character;
        text.remove_prefix(character.size());
        ++shown;
    }
    if (!text.empty()) out += "...";
    return out;
}

std::string in_quotes(std::string_view text) {
    return '"' + printable(text) + '"';
}

}  // namespace mesh::config

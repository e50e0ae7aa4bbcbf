#include "config/source_text.hpp"

#include "config/codes.hpp"

#include <algorithm>
#include <array>

namespace mesh::config {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

unsigned byte_at(std::string_view text, std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

bool is_continuation(unsigned byte) {
    return (byte & 0xC0U) == 0x80U;
}

bool is_forbidden_control(unsigned byte) {
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
}

std::string hex(unsigned byte) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    return {'0', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
}

bool is_utf16(std::string_view text) {
    return text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
}

}  // namespace

std::size_t utf8_sequence_size(std::string_view text) {
    const unsigned lead = byte_at(text, 0);
    const unsigned second = byte_at(text, 1);
    if (text.empty()) return 0;
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4 || !is_continuation(second)) return 0;
    if (lead < 0xE0) return 2;
    if (!is_continuation(byte_at(text, 2))) return 0;
    if (lead < 0xF0) {
        const bool overlong = lead == 0xE0 && second < 0xA0;
        const bool surrogate = lead == 0xED && second >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    const bool overlong = lead == 0xF0 && second < 0x90;
    const bool beyond = lead == 0xF4 && second >= 0x90;
    return overlong || beyond || !is_continuation(byte_at(text, 3)) ? 0 : 4;
}

std::size_t character_count(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
        return !is_continuation(static_cast<unsigned char>(c));
    }));
}

std::string_view without_byte_order_mark(std::string_view text) {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return text;
}

model::Location location_in(std::string_view text, std::size_t at, const model::Location& file) {
    const std::string_view before = text.substr(0, at);
    const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
    model::Location place = file;
    place.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    place.column = 1 + static_cast<int>(character_count(before.substr(line_begin)));
    return place;
}

bool check_source_text(std::string_view text, const model::Location& file, Problems& problems) {
    for (std::size_t at = 0; at < text.size();) {
        const unsigned byte = byte_at(text, at);
        const std::size_t size = utf8_sequence_size(text.substr(at));
        if (size == 0) {
            problems.error(codes::encoding,
                           location_in(text, at, file),
                           is_utf16(text) ? "the file is UTF-16 text"
                                          : "byte " + hex(byte) + " is not UTF-8 text",
                           "save the file as UTF-8");
            return false;
        }
        if (is_forbidden_control(byte)) {
            problems.error(codes::encoding,
                           location_in(text, at, file),
                           "control character " + hex(byte) + " in the file",
                           "remove it");
            return false;
        }
        at += size;
    }
    return true;
}

}  // namespace mesh::config

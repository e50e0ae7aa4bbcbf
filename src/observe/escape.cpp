#include "observe/escape.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace mesh::observe {
namespace {

constexpr std::string_view upper_digits = "0123456789ABCDEF";

/// One character at the start of a text; `size` bytes of it.
struct Character {
    std::uint32_t code = 0;
    std::size_t size = 1;
    bool valid = false;
};

/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. An invalid
/// byte is a character of its own.
Character first_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {};
    std::uint32_t code = lead & (0x7FU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return {};
        code = code << 6U | (byte(i) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (code < least.at(size) || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
    return {code, size, true};
}

bool is_hidden(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) ||  // C0, DEL, C1
           code == 0x061C || code == 0x200E || code == 0x200F ||
           (code >= 0x2028 && code <= 0x202E) ||  // separators, bidirectional overrides
           (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

void append_hex(std::string& line, std::string_view bytes) {
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        line += "\\x";
        line += upper_digits[byte >> 4U];
        line += upper_digits[byte & 15U];
    }
}

/// Every hidden character is in the basic plane, where one \u is enough.
void append_unicode_escape(std::string& line, std::uint32_t code) {
    line += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
        line += upper_digits[(code >> static_cast<unsigned>(shift)) & 15U];
}

bool needs_quotes(std::string_view value) {
    if (value.empty()) return true;
    while (!value.empty()) {
        const Character c = first_character(value);
        if (!c.valid || is_hidden(c.code) || c.code == ' ' || c.code == '"' || c.code == '=' ||
            c.code == '\\')
            return true;
        value.remove_prefix(c.size);
    }
    return false;
}

}  // namespace

void append_value(std::string& line, std::string_view value) {
    if (needs_quotes(value))
        append_quoted(line, value);
    else
        line += value;
}

void append_quoted(std::string& line, std::string_view value) {
    line += '"';
    while (!value.empty()) {
        const Character c = first_character(value);
        const std::string_view bytes = value.substr(0, c.size);
        if (!c.valid || is_hidden(c.code)) {
            append_hex(line, bytes);
        } else {
            if (c.code == '"' || c.code == '\\') line += '\\';
            line += bytes;
        }
        value.remove_prefix(c.size);
    }
    line += '"';
}

void append_json(std::string& line, std::string_view value) {
    line += '"';
    while (!value.empty()) {
        const Character c = first_character(value);
        const std::string_view bytes = value.substr(0, c.size);
        if (!c.valid) {
            line += '\\';  // the backslash of \xHH is itself escaped in JSON
            append_hex(line, bytes);
        } else if (is_hidden(c.code)) {
            append_unicode_escape(line, c.code);
        } else {
            if (c.code == '"' || c.code == '\\') line += '\\';
            line += bytes;
        }
        value.remove_prefix(c.size);
    }
    line += '"';
}

void append_key(std::string& line, std::string_view key) {
    for (const char c : key) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
        line += plain ? c : '_';
    }
    if (key.empty()) line += '_';
}

}  // namespace mesh::observe

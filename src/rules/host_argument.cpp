#include "rules/host_argument.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

namespace mesh::rules {
namespace {

/// The error for bytes [begin, begin + length) of the literal's value.
RuleError at(const Token& literal,
             std::size_t begin,
             std::size_t length,
             std::string message,
             std::string hint = {}) {
    RuleError error{literal.offset, literal.length, std::move(message), std::move(hint)};
    if (literal.verbatim) {
        error.offset = literal.offset + 1 + begin;
        error.length = length;
    }
    return error;
}

RuleError at_whole(const Token& literal, std::string message, std::string hint = {}) {
    return at(literal, 0, literal.value.size(), std::move(message), std::move(hint));
}

/// An IPv4 or IPv6 address, in brackets or not.
bool is_address(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    const std::string terminated(text);
    std::array<unsigned char, 16> out{};
    return terminated.find('\0') == std::string::npos &&
           (::inet_pton(AF_INET, terminated.c_str(), out.data()) == 1 ||
            ::inet_pton(AF_INET6, terminated.c_str(), out.data()) == 1);
}

std::size_t utf8_length(std::string_view text, std::size_t at) {
    std::size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    return end - at;
}

bool is_host_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

RuleError not_ascii(const Token& literal, std::size_t position) {
    return at(literal,
              position,
              utf8_length(literal.value, position),
              "a host name is ASCII: clients send international names as A-labels",
              "write the A-label, xn--...; `idn2 NAME` prints it");
}

/// A byte that no host name holds, other than those with a story of their own.
RuleError foreign_byte(const Token& literal, std::size_t position) {
    const std::string& value = literal.value;
    if (value.find("://") != std::string::npos)
        return at_whole(
            literal, "HostSNI takes a host name, not a URL", "write the host name alone");
    if (value[position] == ':')
        return at(literal,
                  position,
                  value.size() - position,
                  "a host name holds no port",
                  "leave it out: the entry point decides the port");
    if (value[position] == '/')
        return at(literal,
                  position,
                  value.size() - position,
                  "a host name holds no path",
                  "TCP routing sees the server name only");
    return at(literal, position, 1, "a host name is made of letters, digits, '-', '_' and '.'");
}

Parsed<HostSni> pattern_of(const Token& literal) {
    auto pattern = HostPattern::parse(literal.value);
    if (pattern) return HostSni{std::move(*pattern)};
    return at_whole(literal, pattern.error().message);
}

}  // namespace

Parsed<HostSni> parse_host_argument(const Token& literal) {
    const std::string& value = literal.value;
    if (value.empty())
        return RuleError{literal.offset,
                         literal.length,
                         "HostSNI needs a host name",
                         "write HostSNI(`shop.example`), or HostSNI(`*`) for every connection"};
    if (value == "*") return HostSni{};
    if (is_address(value))
        return at_whole(
            literal,
            "an address is never sent as server name, so this could not match",
            "use HostSNI(`*`) on an entry point that listens where these clients connect");

    const auto bytes = [&value](auto predicate) {
        return static_cast<std::size_t>(std::find_if(value.begin(), value.end(), predicate) -
                                        value.begin());
    };
    const std::size_t foreign = bytes([](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    if (foreign != value.size()) return not_ascii(literal, foreign);

    const std::size_t name_begin = value.starts_with("*.") ? 2 : 0;
    const std::size_t star = value.find('*', name_begin);
    if (star != std::string::npos)
        return at(literal,
                  star,
                  1,
                  "'*' can only be the whole first label, once",
                  "`*.shop.example` stands for exactly one label in front of shop.example");
    const std::size_t wrong = bytes([](char c) { return !is_host_byte(c) && c != '*'; });
    if (wrong != value.size()) return foreign_byte(literal, wrong);
    return pattern_of(literal);
}

}  // namespace mesh::rules

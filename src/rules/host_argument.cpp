#include "base/idn.hpp"
#include "rules/matcher_argument.hpp"

#include <algorithm>

namespace mesh::rules {
namespace {

/// An IPv4 or IPv6 address, in brackets or not.
bool is_address(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    return IpAddress::parse(text).has_value();
}

bool is_ascii(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}

bool is_host_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/// A byte that no host name holds, other than those with a story of their own.
RuleError foreign_byte(const Token& literal, std::size_t position) {
    const std::string& value = literal.value;
    if (value.find("://") != std::string::npos)
        return whole(literal, "HostSNI takes a host name, not a URL", "write the host name alone");
    if (value[position] == ':')
        return inside(literal,
                      position,
                      value.size() - position,
                      "a host name holds no port",
                      "leave it out: the entry point decides the port");
    if (value[position] == '/')
        return inside(literal,
                      position,
                      value.size() - position,
                      "a host name holds no path",
                      "TCP routing sees the server name only");
    return inside(literal, position, 1, "a host name is made of letters, digits, '-', '_' and '.'");
}

Parsed<HostSni> pattern_of(const Token& literal) {
    const auto ascii = to_a_labels(literal.value);
    if (!ascii)
        return whole(literal,
                     "this is no international host name: " + ascii.error().message,
                     "if it exists nevertheless, write it in its xn-- form");
    auto pattern = HostPattern::parse(*ascii);
    if (pattern) return HostSni{std::move(*pattern)};
    return whole(literal, pattern.error().message);
}

}  // namespace

Parsed<HostSni> parse_host_argument(const Token& literal) {
    const std::string& value = literal.value;
    if (value == "*") return HostSni{};
    if (is_address(value))
        return whole(literal,
                     "an address is never sent as server name, so this could not match",
                     "use HostSNI(`*`) on an entry point that listens where these clients connect");

    const std::size_t name_begin = value.starts_with("*.") ? 2 : 0;
    const std::size_t star = value.find('*', name_begin);
    if (star != std::string::npos)
        return inside(literal,
                      star,
                      1,
                      "'*' can only be the whole first label, once",
                      "`*.shop.example` stands for exactly one label in front of shop.example");
    const auto wrong = std::find_if(value.begin(), value.end(), [](char c) {
        return is_ascii(c) && !is_host_byte(c) && c != '*';
    });
    if (wrong != value.end())
        return foreign_byte(literal, static_cast<std::size_t>(wrong - value.begin()));
    return pattern_of(literal);
}

}  // namespace mesh::rules

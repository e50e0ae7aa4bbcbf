#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::config {

struct HostAndPort {
    std::string host;  ///< without brackets; IP literals and host names in their canonical spelling
    std::uint16_t port = 0;
};

/// Where to listen: ":443", "192.0.2.1:443", "[2001:db8::1]:443", "/tcp" may follow. The host is
/// empty or an IP literal. The message of an error does not hold the text.
[[nodiscard]] Result<HostAndPort> parse_listen_address(std::string_view text);

/// Where to connect to: an IP literal or a host name, and a port.
[[nodiscard]] Result<HostAndPort> parse_server_address(std::string_view text);

/// An https URL as the address of a CA's directory: no user, no fragment; scheme and host in lower
/// case, no ":443", so that one directory has one spelling.
[[nodiscard]] Result<std::string> parse_https_url(std::string_view text);

/// The host of such a URL, without brackets.
[[nodiscard]] std::string host_of_url(std::string_view url);

/// The canonical spelling of an IPv4 or IPv6 address.
[[nodiscard]] std::optional<std::string> canonical_ip(std::string_view text);

}  // namespace mesh::config

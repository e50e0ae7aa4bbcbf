#pragma once
#include "base/result.hpp"
#include "model/providers.hpp"

#include <string_view>

namespace mesh::config {

/// Where a daemon listens: "unix:///path", "tcp://host:port", "http://host[:port]",
/// "https://host[:port]", or "host:port". `https`: what "tcp://" and "host:port" mean. Sets `url`
/// and `unix_socket` of the result. The message of an error does not hold the text.
[[nodiscard]] Result<model::ProviderEndpoint> parse_daemon_endpoint(std::string_view text,
                                                                    bool https);

/// Whether what is said there crosses a network without TLS: it is neither a socket nor an address
/// of this machine's loopback.
[[nodiscard]] bool is_in_clear(const model::ProviderEndpoint& endpoint);

}  // namespace mesh::config

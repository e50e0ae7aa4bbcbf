#pragma once
#include "base/hostname.hpp"
#include "base/ip_network.hpp"

#include <optional>
#include <span>
#include <string>

namespace mesh::rules {

/// What a rule is asked about: all that is known of a connection when it is routed. A view: it
/// lives as long as what it points to.
struct ConnectionFacts {
    /// The name in the ClientHello; null for plain TCP and for clients that send none.
    const Hostname* sni = nullptr;
    /// Who connects; nothing matches no ClientIP.
    std::optional<IpAddress> client;
    /// The protocols the client offers (RFC 7301); empty for plain TCP.
    std::span<const std::string> alpn;
};

}  // namespace mesh::rules

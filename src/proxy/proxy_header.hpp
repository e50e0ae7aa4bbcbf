#pragma once
#include "base/bytes.hpp"
#include "model/configuration.hpp"
#include "proxy/socket_address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// The PROXY protocol, versions 1 and 2: a header ahead of a connection's own bytes in which a
/// proxy says for whom it speaks (haproxy.org/download/3.0/doc/proxy-protocol.txt).
namespace mesh::proxy {

/// Between whom a proxied connection is. IPv4-mapped IPv6 addresses are IPv4.
struct ProxiedAddresses {
    SocketAddress source;
    SocketAddress destination;
};

/// What the first bytes of a connection are.
struct ProxyHeader {
    enum class State {
        none,        ///< no header
        undecided,   ///< none so far, or the beginning of one
        incomplete,  ///< a header of which a part is missing
        done,
        malformed,
    };
    /// More bytes are never a header's.
    static constexpr std::size_t size_max = 536;

    State state = State::undecided;
    std::size_t size = 0;  ///< of a header that is done
    /// Nothing: the proxy speaks for itself (LOCAL, UNKNOWN), or for one who has no IP address.
    std::optional<ProxiedAddresses> addresses = {};
    std::string_view reason = {};  ///< why malformed; static text
};

/// Reads the header at the beginning of `bytes`, whatever is behind it. More than size_max bytes
/// are never looked at, and with as many it is decided. Of the extensions (TLVs) of version 2 only
/// the checksum is looked at, and verified.
[[nodiscard]] ProxyHeader read_proxy_header(ByteView bytes);

/// The header for a connection between these; of nobody: the proxy speaks for itself. Addresses of
/// two families are both written as IPv6, the IPv4 one as IPv4-mapped.
[[nodiscard]] Bytes write_proxy_header(model::ProxyVersion version,
                                       const std::optional<ProxiedAddresses>& addresses);

}  // namespace mesh::proxy

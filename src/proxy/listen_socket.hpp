#pragma once
#include "model/configuration.hpp"
#include "proxy/file_descriptor.hpp"
#include "proxy/socket_address.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace mesh::proxy {

/// Listening sockets of one address, one per worker, between which the kernel spreads connections.
struct ListenSockets {
    std::vector<FileDescriptor> per_worker;  ///< empty when binding failed
    std::uint16_t port = 0;                  ///< the one bound, also when 0 was asked for
    int error = 0;                           ///< errno
    std::string message;                     ///< what to tell the operator
};

/// Binds and listens. An address without a host is every IPv6 and IPv4 address, or every IPv4
/// address where the system has no IPv6.
///
/// Unless `shared`, an address somebody listens on already is refused, in one step of the kernel:
/// the first socket takes the address alone, and only then lets its siblings in. Whoever wants to
/// share the address afterwards can.
///
/// The sockets carry what every accepted connection inherits: no delay, keep-alive 60 s/15 s/4,
/// and 30 s for unacknowledged data, which lasts until the connection is established.
[[nodiscard]] ListenSockets listen_on(const model::ListenAddress& address,
                                      std::size_t workers,
                                      int backlog,
                                      bool shared);

/// Who listens on the address, or on one that takes it in, as far as the system shows it: "pid 4711
/// (nginx)", else empty.
[[nodiscard]] std::string port_owner(const SocketAddress& address);

}  // namespace mesh::proxy

#pragma once
#include "model/configuration.hpp"
#include "proxy/file_descriptor.hpp"
#include "proxy/socket_address.hpp"

#include <string>
#include <vector>

namespace mesh::proxy {

/// A listening socket that somebody else has bound: systemd, or the process this one replaces.
struct InheritedSocket {
    FileDescriptor socket;
    SocketAddress bound;
    std::string name;       ///< the entry point's it was bound for, or what systemd calls it
    bool any_port = false;  ///< the entry point asked for port 0: only its name tells whose it is
    /// Somebody else has it as long as this process runs: closing it frees no address.
    bool kept_elsewhere = false;
};

/// Takes a descriptor that listens for TCP connections: non-blocking, not for programs we start,
/// with the options and the backlog of our own listeners. `socket` is empty, and errno says why
/// (ENOTSOCK, EPROTOTYPE, EAFNOSUPPORT, EINVAL: it does not listen), for any other, which is
/// closed.
[[nodiscard]] InheritedSocket inherit(FileDescriptor descriptor, std::string name, int backlog);

/// Whether the socket takes connections to the address, which an entry point of that name wants. An
/// address without a host is [::] as well as 0.0.0.0.
[[nodiscard]] bool serves(const InheritedSocket& socket,
                          const model::ListenAddress& address,
                          const std::string& entry_point);

/// One more descriptor of the same socket; empty, with errno set, when there is none left.
[[nodiscard]] FileDescriptor duplicate(const FileDescriptor& descriptor);

/// Whether both take connections to some address, so that they cannot be bound side by side.
[[nodiscard]] bool is_in_the_way(const InheritedSocket& socket,
                                 const model::ListenAddress& address);

/// Dealt out to workers: each gets one at least of every address, and none is left over, since
/// connections wait in every one of them. Where there are fewer sockets than workers, several share
/// one. The first `workers` lists are filled, or all are empty and errno is set.
[[nodiscard]] std::vector<std::vector<FileDescriptor>> deal(
    const std::vector<const InheritedSocket*>& sockets, std::size_t workers);

}  // namespace mesh::proxy

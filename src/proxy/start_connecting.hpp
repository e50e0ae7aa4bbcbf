#pragma once
#include "proxy/file_descriptor.hpp"
#include "proxy/socket_address.hpp"

namespace mesh::proxy {

/// A non-blocking socket whose connect is under way, or nothing with errno set.
[[nodiscard]] FileDescriptor start_connecting(const SocketAddress& address);

}  // namespace mesh::proxy

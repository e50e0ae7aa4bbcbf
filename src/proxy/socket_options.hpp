#pragma once
#include <chrono>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace mesh::proxy {

/// Sets an integer option; false when the kernel does not know it.
inline bool set_option(int fd, int level, int name, int value) {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// Small writes leave at once; a peer that is gone is noticed after 60 s + 4 × 15 s.
inline void set_connection_options(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

/// Asks a peer after so long without a byte, and as often then, whether it is still there.
inline void set_keep_alive(int fd, std::chrono::milliseconds interval) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(interval).count();
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(seconds));
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(seconds));
}

/// How long sent data may stay unacknowledged; 0 leaves it to the system.
inline void set_user_timeout(int fd, int milliseconds) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds);
}

/// The next close sends a reset instead of a FIN.
inline void reset_on_close(int fd) {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace mesh::proxy

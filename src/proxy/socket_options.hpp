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

/// Small writes leave at once.
inline void send_at_once(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/// Whether a peer that says nothing is still there: asked for after `idle`, then every `interval`;
/// after four times without an answer it is gone.
struct KeepAlive {
    using Seconds = std::chrono::duration<int>;
    Seconds idle{60};
    Seconds interval{15};
};
inline void set_keep_alive(int fd, KeepAlive keep_alive) {
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive.idle.count());
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive.interval.count());
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

/// How long sent data may stay unacknowledged.
inline void set_user_timeout(int fd, std::chrono::milliseconds timeout) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(timeout.count()));
}
/// As long as the system has it by default.
inline void reset_user_timeout(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
}

/// Of a listening socket: what it accepts inherits them.
inline void set_client_options(int fd) {
    send_at_once(fd);
    set_keep_alive(fd, {});
    set_user_timeout(fd, std::chrono::seconds{30});
}

/// The next close sends a reset instead of a FIN.
inline void reset_on_close(int fd) {
    const linger now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace mesh::proxy

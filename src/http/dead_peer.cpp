#include "http/dead_peer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace mesh::http {

namespace {

constexpr int idle_s = 30;     ///< without a byte until the first probe
constexpr int between_s = 10;  ///< probes
constexpr int probes = 3;      ///< unanswered
constexpr int unacknowledged_ms = (idle_s + probes * between_s) * 1000;

// A connection without them is worse, not wrong: what the system refuses is left out.
void set_option(int socket, int level, int option, int value) noexcept {
    static_cast<void>(setsockopt(socket, level, option, &value, sizeof value));
}

}  // namespace

void notice_dead_peer(int socket) noexcept {
    int family = 0;
    socklen_t size = sizeof family;
    if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return;
    if (family != AF_INET && family != AF_INET6) return;
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, between_s);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, probes);
    // Probes are not sent while bytes wait for an acknowledgement: those have their own limit.
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms);
}

}  // namespace mesh::http

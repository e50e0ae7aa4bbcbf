// What the system is told of a connection that lasts, once it has lasted for a moment.
#include "support/catch.hpp"
#include "support/plane.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace mesh;
using namespace mesh::test;
using std::chrono::milliseconds;

namespace {

/// An option of this process's socket whose peer has that port; -1: there is none.
int option_towards(std::uint16_t port, int level, int name) {
    for (int fd = 3; fd < 1'024; ++fd) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
        if (peer.sin_family != AF_INET || ntohs(peer.sin_port) != port) continue;
        int value = -1;
        size = sizeof value;
        ::getsockopt(fd, level, name, &value, &size);
        return value;
    }
    return -1;
}

PlaneBuilder to(const Backend& backend) {
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    return builder;
}

}  // namespace

TEST_CASE("keep alive: a server that is gone without a word is noticed", "[keep_alive]") {
    Backend quiet([](Peer peer) { peer.receive_all(); });
    Plane plane(to(quiet));
    const Peer client = plane.connect();
    const std::uint16_t port = quiet.port();
    CHECK(eventually([&] { return option_towards(port, IPPROTO_TCP, TCP_KEEPCNT) == 4; }));
    CHECK(option_towards(port, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option_towards(port, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
    CHECK(option_towards(port, IPPROTO_TCP, TCP_KEEPINTVL) == 15);
}

TEST_CASE("keep alive: a service says itself how often its servers are asked", "[keep_alive]") {
    Backend quiet([](Peer peer) { peer.receive_all(); });
    PlaneBuilder builder = to(quiet);
    builder.configuration.services.at("r").servers_transport = "patient";
    model::ServersTransport patient;
    patient.dial_keep_alive = milliseconds(6'500);
    builder.configuration.servers_transports["patient"] = patient;
    Plane plane(std::move(builder));
    const Peer client = plane.connect();
    const std::uint16_t port = quiet.port();
    CHECK(eventually([&] { return option_towards(port, IPPROTO_TCP, TCP_KEEPCNT) == 4; }));
    CHECK(option_towards(port, IPPROTO_TCP, TCP_KEEPIDLE) == 7);
    CHECK(option_towards(port, IPPROTO_TCP, TCP_KEEPINTVL) == 7);
}

TEST_CASE("keep alive: an established client may take longer than one that is not",
          "[keep_alive]") {
    Backend quiet([](Peer peer) { peer.receive_all(); });
    Plane plane(to(quiet));
    const Peer client = plane.connect();
    sockaddr_in own{};
    socklen_t size = sizeof own;
    REQUIRE(::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
    const std::uint16_t port = ntohs(own.sin_port);
    CHECK(eventually([&] { return option_towards(port, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0; }));
}

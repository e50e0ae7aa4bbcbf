// Reaching a server: round robin, the next one when a dial fails, and what is said of it.
#include "hello_builder.hpp"
#include "proxy/socket_address.hpp"
#include "support/black_hole.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <map>
#include <memory>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::test;

namespace {

using std::chrono::milliseconds;

/// Gives this process, which must have one thread, a network of its own that has 127.0.0.1 but no
/// IPv6 address. False when the system does not let us.
bool enter_network_without_ipv6() {
    // Root needs no user namespace, which is not to be had in a chroot.
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const FileDescriptor v4(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    loopback.ifr_name[0] = 'l';
    loopback.ifr_name[1] = 'o';
    if (::ioctl(v4.get(), SIOCGIFFLAGS, &loopback) != 0) return false;
    loopback.ifr_flags = static_cast<short>(loopback.ifr_flags | IFF_UP);
    if (::ioctl(v4.get(), SIOCSIFFLAGS, &loopback) != 0) return false;
    const FileDescriptor v6(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!v6) return true;
    struct {  // in6_ifreq, whose header does not go with the C library's
        in6_addr address = IN6ADDR_LOOPBACK_INIT;
        std::uint32_t prefix_length = 128;
        std::uint32_t interface = 1;
    } address;
    return ::ioctl(v6.get(), SIOCDIFADDR, &address) == 0;
}

/// 0, or the number of what went wrong; nothing may be thrown into the test program's own tests.
int reach_past_an_unreachable_address() try {
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", good.port(), {}}, {"::1", good.port(), {}}});
    Plane plane(std::move(builder));
    plane.plane->set_addresses("db.internal", {"::1", "127.0.0.1"});
    plane.settle();
    if (plane.connect().receive(4) != "good") return 10;
    if (plane.connect().receive(4) != "good") return 11;
    if (plane.logged({"WARN backend_down", "server=[::1]"}) != 1) return 12;
    return 0;
} catch (...) {
    return 13;
}

/// Five addresses of db.internal, which together would take more time than there is.
std::unique_ptr<Plane> with_hanging_name(PlaneBuilder builder,
                                         milliseconds one,
                                         milliseconds total) {
    builder.limits.dial_timeout = one;
    builder.limits.dial_timeout_total = total;
    auto plane = std::make_unique<Plane>(std::move(builder));
    const std::string address = "127.0.0.1";
    plane->plane->set_addresses("db.internal", {address, address, address, address, address});
    plane->settle();
    return plane;
}

}  // namespace

TEST_CASE("dial: servers take turns", "[dial]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    Backend c(Backend::greeter("c"));
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {a.port(), b.port(), c.port()}, plain());
    Plane plane(std::move(builder));

    std::map<std::string, int> answers;
    for (int i = 0; i < 30; ++i) ++answers[plane.connect().receive(1)];
    CHECK(answers == std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}});
}

TEST_CASE("dial: the next server takes over at once, and down and up are said once", "[dial]") {
    Backend good(Backend::greeter("good"));
    const std::uint16_t port = closed_port();
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {port, good.port()}, plain());
    // Longer than a client here waits: who had to wait for that would get nothing.
    builder.limits.dial_timeout = builder.limits.dial_timeout_total = std::chrono::minutes(5);
    Plane plane(std::move(builder));

    for (int i = 0; i < 10; ++i) CHECK(plane.connect().receive(4) == "good");
    const std::string server = "server=127.0.0.1:" + std::to_string(port);
    CHECK(plane.logged({"WARN backend_down", server, "refused"}) == 1);
    CHECK(plane.logged({"backend_up"}) == 0);
}

TEST_CASE("dial: a server that comes back is said to", "[dial]") {
    // Bound, so that nobody else gets the port, but nobody listens on it yet.
    const FileDescriptor back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto any = *proxy::SocketAddress::parse("127.0.0.1", 0);
    REQUIRE(::bind(back.get(), any.data(), any.size()) == 0);
    const std::uint16_t port = proxy::SocketAddress::of_socket(back.get())->port();
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*`)", {port}, plain()));
    plane.connect().receive_all();
    CHECK(eventually([&] { return plane.logged({"backend_down"}) == 1; }));

    REQUIRE(::listen(back.get(), 10) == 0);
    const Peer client = plane.connect();
    CHECK(eventually([&] { return plane.logged({"INFO backend_up"}) == 1; }));
}

TEST_CASE("dial: a server that cannot be reached three times in a row is left out", "[dial]") {
    const BlackHole hole;
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {hole.port, good.port()}, plain());
    builder.limits.dial_timeout = milliseconds(300);
    Plane plane(std::move(builder));
    for (int i = 0; i < 6; ++i) CHECK(plane.connect().receive(4) == "good");
    CHECK(plane.logged({"WARN backend_ejected",
                        "then one connection tries it",
                        "service=r server=127.0.0.1:" + std::to_string(hole.port),
                        "failures=3",
                        "timed out",
                        "seconds=10"}) == 1);
    for (int i = 0; i < 20; ++i) CHECK(plane.connect().receive(4) == "good");
    CHECK(plane.plane->counters().dials_failed == 3);  // nobody has tried it again
}

TEST_CASE("dial: the server with the fewest open connections is next", "[dial]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {a.port(), b.port()}, plain());
    builder.configuration.services.at("r").strategy = model::Strategy::least_conn;
    Plane plane(std::move(builder));

    std::map<std::string, std::vector<Peer>> open;
    for (int i = 0; i < 10; ++i) {
        Peer client = plane.connect();
        const std::string answer = client.receive(1);
        open[answer].push_back(std::move(client));
    }
    CHECK(open["a"].size() == 5);
    CHECK(open["b"].size() == 5);
    // Those of one end: the next ones are all its own.
    open["a"].clear();
    CHECK(eventually([&] { return plane.plane->counters().open == 5; }));
    for (int i = 0; i < 5; ++i) {
        open["a"].push_back(plane.connect());
        CHECK(open["a"].back().receive(1) == "a");
    }
}

TEST_CASE("dial: services have their shares, each with its own PROXY header", "[dial]") {
    Backend blue(Backend::greeter("blue"));
    Backend green([](Peer peer) {
        std::string line;
        while (line.find('\n') == std::string::npos && line.size() < 107) line += peer.receive(1);
        peer.send(line.rfind("PROXY TCP4 ", 0) == 0 ? "told" : "else");
    });
    PlaneBuilder builder;
    builder.router("mix", "HostSNI(`*`)", {}, plain());
    builder.servers("blue", {{"127.0.0.1", blue.port(), {}}});
    builder.servers("green", {{"127.0.0.1", green.port(), {}}});
    auto& services = builder.configuration.services;
    services.at("mix").services = {{{"blue", {}}, 3}, {{"green", {}}, 1}};
    services.at("green").proxy_protocol = model::ProxyVersion::v1;
    Plane plane(std::move(builder));
    std::map<std::string, int> answers;
    for (int i = 0; i < 8; ++i) ++answers[plane.connect().receive(4)];
    CHECK(answers == std::map<std::string, int>{{"blue", 6}, {"told", 2}});
}

TEST_CASE("dial: a server that does not answer costs its timeout, not more", "[dial]") {
    const BlackHole hole;
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {hole.port, good.port()}, plain());
    builder.limits.dial_timeout = milliseconds(600);
    // Longer than a client here waits.
    builder.limits.dial_timeout_total = std::chrono::minutes(5);
    Plane plane(std::move(builder));

    const auto before = std::chrono::steady_clock::now();
    CHECK(plane.connect().receive(4) == "good");
    CHECK(std::chrono::steady_clock::now() - before >= milliseconds(500));
    CHECK(plane.logged({"backend_down", "timed out"}) == 1);
}

TEST_CASE("dial: at most three servers and the total time are tried", "[dial]") {
    SECTION("servers") {
        Backend fourth(Backend::greeter("x"));
        Plane plane(PlaneBuilder().router(
            "r",
            "HostSNI(`*`)",
            {closed_port(), closed_port(), closed_port(), fourth.port(), closed_port()},
            plain()));
        Peer client = plane.connect();
        CHECK(client.receive_all().empty());
        CHECK(client.ending() == Ending::reset);
        CHECK(fourth.accepted() == 0);
        CHECK(plane.logged({"cause=server", "no server could be reached"}) == 1);
    }
    SECTION("time") {
        const BlackHole a;
        const BlackHole b;
        PlaneBuilder builder;
        builder.router("r", "HostSNI(`*`)", {a.port, b.port}, plain());
        // The first has its time before the total ends, the second has not, on a busy machine too.
        builder.limits.dial_timeout = milliseconds(3'000);
        builder.limits.dial_timeout_total = milliseconds(5'500);
        Plane plane(std::move(builder));
        Peer client = plane.connect();
        CHECK(client.receive_all().empty());
        CHECK(client.ending() == Ending::reset);
        // What the total cuts is no failure of the server.
        CHECK(plane.plane->counters().dials_failed == 1);
        CHECK(plane.logged({"backend_down"}) == 1);
    }
}

TEST_CASE("dial: host names are reached by the addresses they were given", "[dial]") {
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", good.port(), {}}});
    Plane plane(std::move(builder));

    // The first address refuses, the second answers.
    plane.plane->set_addresses("db.internal", {"127.0.0.9", "127.0.0.1"});
    plane.settle();
    CHECK(plane.connect().receive(4) == "good");
    CHECK(plane.logged({"backend_down"}) == 0);
}

TEST_CASE(
    "dial: a server whose name has no address yet is passed over, and nothing is held against it",
    "[dial]") {
    Backend good(Backend::greeter("good"));
    Backend late(Backend::greeter("late"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    SECTION("in turn") {}
    SECTION("by count") {
        builder.configuration.services.at("r").strategy = model::Strategy::least_conn;
    }
    // More of them than are tried, so that they do not count as tries either.
    std::vector<model::Server> servers;
    for (int i = 0; i < 5; ++i)
        servers.push_back({"db" + std::to_string(i) + ".internal", late.port(), {}});
    servers.push_back({"127.0.0.1", good.port(), {}});
    builder.servers("r", std::move(servers));
    Plane plane(std::move(builder));

    for (int i = 0; i < 10; ++i) CHECK(plane.connect().receive(4) == "good");
    CHECK(plane.plane->counters().dials_failed == 0);
    CHECK(plane.logged({"backend_down"}) == 0);
    CHECK(plane.logged({"WARN backend_unresolved", "server=db0.internal"}) == 1);

    plane.plane->set_addresses("db0.internal", {"127.0.0.1"});
    plane.settle();
    std::map<std::string, int> answers;
    for (int i = 0; i < 10; ++i) ++answers[plane.connect().receive(4)];
    CHECK(answers == std::map<std::string, int>{{"good", 5}, {"late", 5}});
    CHECK(plane.logged({"backend_up"}) == 0);
}

TEST_CASE("dial: where no server has an address the client is told nothing, and the log why",
          "[dial]") {
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", 5432, {}}});
    Plane plane(std::move(builder));
    Peer client = plane.connect();
    CHECK(client.receive_all().empty());
    CHECK(client.ending() == Ending::reset);
    CHECK(plane.logged({"cause=server", "no server of the service has an address yet"}) == 1);
    CHECK(plane.plane->counters().dials_failed == 0);
}

TEST_CASE("dial: a name whose addresses all hang leaves time for the next server", "[dial]") {
    const BlackHole hole;
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", hole.port, {}}, {"127.0.0.1", good.port(), {}}});
    // What is left after the first address is enough for the next server, on a busy machine too.
    const auto plane =
        with_hanging_name(std::move(builder), milliseconds(3'000), milliseconds(8'000));
    CHECK(plane->connect().receive(4) == "good");
    CHECK(plane->logged({"WARN backend_down", "server=db.internal"}) == 1);
}

TEST_CASE("dial: a name without another server beside it has all of the time", "[dial]") {
    const BlackHole hole;
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", hole.port, {}}});
    const auto plane =
        with_hanging_name(std::move(builder), milliseconds(400), milliseconds(1'400));
    const auto before = std::chrono::steady_clock::now();
    CHECK(plane->connect().receive_all().empty());
    CHECK(std::chrono::steady_clock::now() - before >= milliseconds(1'200));
}

TEST_CASE("dial: what a check has asked of a name is what clients get", "[dial]") {
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", good.port(), {}}});
    builder.limits.dial_timeout = milliseconds(300);
    Plane plane(std::move(builder));
    plane.plane->set_addresses("db.internal", {"127.0.0.1", "::1"});
    plane.settle();
    proxy::ServerState& state = *plane.snapshot->services.at("r")->first->members.at(0).state;
    CHECK(plane.connect().receive(4) == "good");
    using Others = proxy::ProvenAddress::Others;
    state.proven.set(*proxy::SocketAddress::parse("::1", 1), Others::never);
    CHECK(plane.connect().receive_all().empty());
    state.proven.set(*proxy::SocketAddress::parse("::1", 1), Others::later);
    CHECK(plane.connect().receive(4) == "good");
}

TEST_CASE("dial: a trial that failed is not given back because time ended", "[dial]") {
    const BlackHole hole;
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    builder.servers("r", {{"db.internal", hole.port, {}}});
    // The second address begins well before the total, on a busy machine too, and is cut by it.
    builder.limits.dial_timeout = milliseconds(3'000);
    builder.limits.dial_timeout_total = milliseconds(5'500);
    Plane plane(std::move(builder));
    plane.plane->set_addresses("db.internal", {"127.0.0.1", "127.0.0.1"});
    plane.settle();
    proxy::ServerState& state = *plane.snapshot->services.at("r")->first->members.at(0).state;
    const auto long_ago = std::chrono::steady_clock::now() - std::chrono::seconds(11);
    for (std::uint64_t i = 0; i < proxy::ServerState::failures_max; ++i) state.failed(long_ago);
    REQUIRE(state.standing(std::chrono::steady_clock::now()) == proxy::ServerState::Standing::due);
    CHECK(plane.connect().receive_all().empty());
    CHECK(state.standing(std::chrono::steady_clock::now()) == proxy::ServerState::Standing::out);
}

TEST_CASE("dial: a client that leaves meanwhile ends it", "[dial]") {
    const BlackHole hole;
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {hole.port}, plain());
    builder.limits.dial_timeout = builder.limits.dial_timeout_total = std::chrono::minutes(1);
    Plane plane(std::move(builder));

    Peer client = plane.connect();
    CHECK(eventually([&] { return plane.plane->counters().open == 1; }));
    client.reset();
    CHECK(eventually([&] { return plane.idle(); }));
    CHECK(plane.logged({"backend_down"}) == 0);
    CHECK(plane.logged({"cause=client", "while servers were tried"}) == 1);
}

TEST_CASE("dial: who waits for a dead server takes no handshake away from others", "[dial]") {
    const BlackHole hole;
    Backend good(Backend::greeter("good"));
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`dead.example`)", {hole.port});
    builder.router("p", "HostSNI(`through.example`)", {hole.port}, passthrough());
    builder.router("g", "HostSNI(`good.example`)", {good.port()});
    builder.limits.handshakes_max = builder.limits.handshakes_per_source_max = 8;
    builder.limits.dial_timeout = builder.limits.dial_timeout_total = std::chrono::minutes(1);
    Plane plane(std::move(builder));
    plane.serve({"dead.example"});
    plane.serve({"good.example"});

    std::vector<std::unique_ptr<TlsPeer>> waiting;
    std::vector<Peer> through;
    const std::string hello(as_text(a_client_hello().with_sni("through.example").build()));
    for (std::size_t i = 0; i < 8; ++i) {
        waiting.push_back(std::make_unique<TlsPeer>(plane.connect(), TlsOptions{"dead.example"}));
        REQUIRE(waiting.back()->handshake());
        through.push_back(plane.connect());
        REQUIRE(through.back().send(hello));
    }
    TlsPeer client(plane.connect(), TlsOptions{"good.example"});
    REQUIRE(client.handshake());
    CHECK(client.receive(4) == "good");
    CHECK(eventually([&] { return plane.plane->counters().open == 17; }));
}

TEST_CASE("dial: an address this system cannot reach says nothing about the next", "[dial]") {
    const pid_t child = ::fork();
    if (child == 0) {
        constexpr int skipped = 77;
        if (!enter_network_without_ipv6()) ::_exit(skipped);
        ::_exit(reach_past_an_unreachable_address());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
#ifdef __SANITIZE_THREAD__
    // Without root: its own thread makes this process one that may not enter a namespace.
    if (WEXITSTATUS(status) == 77) return;
#endif
    CHECK(WEXITSTATUS(status) == 0);
}

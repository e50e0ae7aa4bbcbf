// Deadlines and bounds: whatever a client does not do, it is rid of in time.
#include "hello_builder.hpp"
#include "proxy/socket_address.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::test;

namespace {

using std::chrono::milliseconds;

/// Less than the usual ten seconds, and more than a busy machine makes of the times here.
constexpr std::chrono::seconds on_time{8};

/// How long until the proxy ends the connection.
milliseconds time_to_end(Peer& client) {
    const auto before = std::chrono::steady_clock::now();
    client.receive_all();
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - before);
}

}  // namespace

TEST_CASE("limits: a client that stalls at any stage is dropped on time", "[limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.router("p", "HostSNI(`pass.example`)", {backend.port()}, passthrough());
    builder.limits.handshake_timeout = milliseconds(400);
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});
    const std::string hello(as_text(a_client_hello().with_sni("shop.example").build()));

    Peer client = plane.connect();
    SECTION("not a byte") {}
    SECTION("one byte") {
        client.send(hello.substr(0, 1));
    }
    SECTION("half a record header") {
        client.send(hello.substr(0, 3));
    }
    SECTION("half a hello") {
        client.send(hello.substr(0, hello.size() / 2));
    }
    SECTION("half a hello for passthrough") {
        const Bytes other = a_client_hello().with_sni("pass.example").build();
        client.send(as_text(other).substr(0, other.size() - 1));
    }
    SECTION("a broken hello") {
        client.send(std::string("\x16\x03\x01\x00\x00", 5));
    }
    const milliseconds took = time_to_end(client);
    CHECK(took < on_time);
    CHECK(eventually([&] { return plane.idle(); }));
    CHECK(backend.accepted() == 0);
}

TEST_CASE("limits: an entry point's own time is what its clients have", "[limits]") {
    PlaneBuilder builder;
    builder.router("p", "HostSNI(`pass.example`)", {closed_port()}, passthrough());
    builder.configuration.entry_points.at("a").limits.handshake_timeout = milliseconds(400);
    Plane plane(builder);
    Peer brief = plane.connect();
    CHECK(time_to_end(brief) < on_time);

    builder.configuration.entry_points.at("a").limits.handshake_timeout.reset();
    plane.apply(builder);
    Peer patient = plane.connect();
    REQUIRE(patient.send("\x16"));
    Peer other = Peer::connect_to(plane.port());
    // The usual ten seconds: it is still there when a later one has been routed and is gone.
    const Bytes hello = a_client_hello().with_sni("pass.example").build();
    other.send(as_text(hello));
    other.receive_all();
    CHECK(plane.plane->counters().open >= 1);
}

TEST_CASE("limits: after its hello a client is still on the clock", "[limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.limits.handshake_timeout = milliseconds(400);
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});

    TlsPeer client(plane.connect(), TlsOptions{});
    SSL_set_bio(client.native(), BIO_new(BIO_s_mem()), BIO_new_socket(client.fd(), BIO_NOCLOSE));
    client.handshake();  // sends the hello, and never sees the answer
    CHECK(time_to_end(client.socket()) < on_time);
    CHECK(backend.accepted() == 0);
}

TEST_CASE("limits: progress does not extend the deadline", "[limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.limits.handshake_timeout = milliseconds(500);
    Plane plane(std::move(builder));
    const std::string hello(as_text(a_client_hello().with_sni("shop.example").build()));

    const auto before = std::chrono::steady_clock::now();
    Peer client = plane.connect();
    std::size_t sent = 0;
    const auto ended = [&] {
        char byte = 0;
        const ssize_t got = ::recv(client.fd(), &byte, 1, MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno != EAGAIN);
    };
    for (; sent < hello.size() && !ended(); ++sent) {
        client.send(hello.substr(sent, 1));
        std::this_thread::sleep_for(milliseconds(20));
    }
    const auto took = std::chrono::steady_clock::now() - before;
    CHECK(sent < hello.size());
    CHECK(took > milliseconds(400));
}

TEST_CASE("limits: established connections have no deadline", "[limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.limits.handshake_timeout = milliseconds(2'500);
    builder.limits.dial_timeout = builder.limits.dial_timeout_total = milliseconds(2'500);
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});

    TlsPeer client(plane.connect(), TlsOptions{});
    REQUIRE(client.handshake());
    for (int i = 0; i < 4; ++i) {
        std::this_thread::sleep_for(milliseconds(800));
        client.send("x");
        CHECK(client.receive(1) == "x");
    }
}

TEST_CASE("limits: a refused client is not listened to for as long as it likes", "[limits]") {
    Plane plane{PlaneBuilder()};
    Peer client = plane.connect();
    client.send(as_text(a_client_hello().with_sni("nobody.example").build()));
    const std::string block(1 << 20, 'x');
    std::size_t sent = 0;
    while (client.send(block)) sent += block.size();
    // What the proxy reads, and what the systems' buffers take.
    CHECK(sent < std::size_t{64} << 20);
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("limits: one source holds only so many pending handshakes", "[limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("s", "HostSNI(`*`)", {backend.port()});
    builder.limits.handshakes_per_source_max = 5;
    Plane plane(std::move(builder));
    plane.plane->set_default_credential(plane.world.credential());
    plane.settle();

    std::vector<Peer> pending;
    for (int i = 0; i < 5; ++i) pending.push_back(plane.connect());
    CHECK(eventually([&] { return plane.plane->counters().accepted == 5; }));
    Peer sixth = plane.connect();
    CHECK(sixth.receive_all().empty());
    CHECK(sixth.ending() != Ending::none);
    CHECK(eventually([&] { return plane.logged({"WARN", "source=127.0.0.1"}) >= 1; }));
    for (int i = 0; i < 20; ++i) plane.connect().receive_all();
    CHECK(plane.logged({"WARN", "source=127.0.0.1"}) <= 2);  // once for each worker

    // Another source is not concerned, and neither is the first once it has room.
    TlsPeer neighbour(Peer::connect_to(plane.port(), "127.0.0.2"), TlsOptions{});
    CHECK(neighbour.handshake());
    pending.pop_back();
    CHECK(eventually([&] {
        TlsPeer again(plane.connect(), TlsOptions{});
        return again.handshake();
    }));
    // Established ones do not count.
    std::vector<std::unique_ptr<TlsPeer>> established;
    for (int i = 0; i < 10; ++i) {
        established.push_back(std::make_unique<TlsPeer>(plane.connect(), TlsOptions{}));
        CHECK(eventually([&] {
            if (established.back()->handshake()) return true;
            established.back() = std::make_unique<TlsPeer>(plane.connect(), TlsOptions{});
            return false;
        }));
    }
}

TEST_CASE("limits: beyond the limit connections wait in the backlog", "[limits]") {
    Backend backend(Backend::greeter("hello"));
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    builder.limits.connections_max = 3;
    Plane plane(std::move(builder));

    std::vector<Peer> open;
    for (int i = 0; i < 3; ++i) {
        open.push_back(plane.connect());
        REQUIRE(open.back().receive(5) == "hello");
    }
    Peer waiting = plane.connect();
    auto greeting = std::async(std::launch::async, [&] { return waiting.receive(5); });
    CHECK(greeting.wait_for(milliseconds(300)) == std::future_status::timeout);
    CHECK(eventually([&] { return plane.plane->counters().open == 3; }));
    open.pop_back();
    CHECK(greeting.get() == "hello");
}

TEST_CASE("limits: without descriptors left, accepting pauses and recovers", "[limits]") {
    // In a process of its own, which can be starved without hurting the test runner.
    const pid_t child = ::fork();
    if (child == 0) {
        Backend backend(Backend::greeter("hello"));
        PlaneBuilder builder;
        builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
        Plane plane(std::move(builder));
        Peer first = plane.connect();
        if (first.receive(5) != "hello") ::_exit(10);

        FileDescriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        std::vector<FileDescriptor> hoard;
        while (hoard.empty() || hoard.back()) hoard.emplace_back(::dup(0));
        hoard.pop_back();
        rlimit now{};
        ::getrlimit(RLIMIT_NOFILE, &now);

        const auto starved = std::chrono::steady_clock::now();
        const auto address = *proxy::SocketAddress::parse("127.0.0.1", plane.port());
        if (::connect(client.get(), address.data(), address.size()) != 0) ::_exit(11);
        Peer waiting(std::move(client));
        if (!eventually([&] { return plane.logged({"WARN", "no file descriptor left"}) >= 1; })) {
            ::_exit(12);
        }
        // Starved for a while: nothing spins, and one line a second is written at most.
        rusage before{};
        rusage after{};
        ::getrusage(RUSAGE_SELF, &before);
        std::this_thread::sleep_for(milliseconds(900));
        ::getrusage(RUSAGE_SELF, &after);
        const auto cpu = [](const rusage& used) {
            return used.ru_utime.tv_sec * 1000 + used.ru_utime.tv_usec / 1000 +
                   used.ru_stime.tv_sec * 1000 + used.ru_stime.tv_usec / 1000;
        };
        if (cpu(after) - cpu(before) > 200) ::_exit(13);
        const std::size_t lines = plane.logged({"no file descriptor left"});
        const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::steady_clock::now() - starved);
        if (lines > static_cast<std::size_t>(lasted.count()) + 2) ::_exit(14);
        if (!first.send("x") || first.receive(1) != "x") ::_exit(15);

        hoard.clear();
        if (waiting.receive(5) != "hello") ::_exit(16);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

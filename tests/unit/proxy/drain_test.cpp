// Going down: who is let go, who is cut, and that it is told.
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>
#include <memory>

using namespace mesh;
using namespace mesh::test;

namespace {

using std::chrono::milliseconds;

/// As a process that is told to stop.
std::future<std::size_t> wind_down(Plane& plane, milliseconds grace) {
    auto cut = std::make_shared<std::promise<std::size_t>>();
    auto result = cut->get_future();
    plane.plane->wind_down(grace, [cut](std::size_t count) { cut->set_value(count); });
    return result;
}

/// As one that another takes the place of.
std::future<void> drain(Plane& plane) {
    auto over = std::make_shared<std::promise<void>>();
    auto result = over->get_future();
    plane.plane->drain([over] { over->set_value(); });
    return result;
}

/// Another plane on the same sockets, which accepts nothing yet.
std::unique_ptr<proxy::DataPlane> held_beside(Plane& old, RecordingLog& log) {
    // Shared: the worker may still be inside set_value when this thread goes on.
    using Sockets = Result<std::vector<proxy::InheritedSocket>>;
    const auto asked = std::make_shared<std::promise<Sockets>>();
    old.plane->listening_sockets([asked](auto found) { asked->set_value(std::move(found)); });
    auto sockets = asked->get_future().get();
    REQUIRE(sockets.has_value());
    proxy::DataPlaneSettings settings;
    settings.workers = 2;
    settings.clock = &old.clock;
    settings.worker_logs = {&log, &log};
    settings.ticket_keys = old.plane->ticket_keys();
    auto held = std::make_unique<proxy::DataPlane>(std::move(settings));
    held->inherit(std::move(*sockets));
    REQUIRE(held->listen(old.snapshot).empty());
    held->hold();
    held->start();
    return held;
}

}  // namespace

TEST_CASE("drain: without connections it is over at once", "[drain]") {
    PlaneBuilder builder;
    builder.workers = 3;
    Plane plane(std::move(builder));
    CHECK(wind_down(plane, std::chrono::minutes(1)).get() == 0);
    CHECK_FALSE(can_connect(plane.port()));
}

TEST_CASE("drain: open connections go on until they end", "[drain]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    Plane plane(std::move(builder));
    Peer client = plane.connect();
    client.send("a");
    REQUIRE(client.receive(1) == "a");

    auto cut = wind_down(plane, std::chrono::minutes(1));
    CHECK(eventually([&] { return !can_connect(plane.port()); }));
    client.send("b");
    CHECK(client.receive(1) == "b");
    CHECK(cut.wait_for(milliseconds(0)) == std::future_status::timeout);
    client.finish_sending();
    client.receive_all();
    CHECK(cut.get() == 0);
}

TEST_CASE("drain: at the end of the grace period the rest is cut in good order", "[drain]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});
    TlsPeer secure(plane.connect(), TlsOptions{});
    REQUIRE(secure.handshake());
    secure.send("x");
    REQUIRE(secure.receive(1) == "x");
    Peer open = plane.connect();
    open.send("x");
    REQUIRE(open.receive(1) == "x");
    Peer pending = plane.connect();
    CHECK(eventually([&] { return plane.plane->counters().open == 3; }));

    CHECK(wind_down(plane, milliseconds(200)).get() == 3);
    CHECK(secure.receive_all().empty());
    CHECK(secure.saw_close_notify());
    CHECK(open.receive_all().empty());
    CHECK(open.ending() == Ending::orderly);
    CHECK(pending.receive_all().empty());
    CHECK(plane.idle());
}

TEST_CASE("drain: half a transfer is cut so that it does not look whole", "[drain]") {
    Backend source([](Peer peer) {
        const std::string block(1 << 20, 'x');
        for (int i = 0; i < 64 && peer.send(block); ++i) {
        }
        peer.receive_all();
    });
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {source.port()});
    builder.router("p", "HostSNI(`*`)", {source.port()}, plain());
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});
    TlsPeer secure(plane.connect(), TlsOptions{});
    REQUIRE(secure.handshake());
    REQUIRE(secure.receive(1) == "x");
    Peer open = plane.connect();
    open.send("x");
    REQUIRE(open.receive(1) == "x");

    CHECK(wind_down(plane, milliseconds(200)).get() == 2);
    CHECK(secure.receive_all().size() < std::size_t{64} << 20);
    CHECK_FALSE(secure.saw_close_notify());
    CHECK(secure.ending() == Ending::reset);
    CHECK(open.receive_all().size() < std::size_t{64} << 20);
    CHECK(open.ending() == Ending::reset);
}

TEST_CASE("drain: stop ends whatever is open", "[drain]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    auto plane = std::make_unique<Plane>(std::move(builder));
    std::vector<Peer> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(plane->connect());
        if (i % 2 == 0) clients.back().send("x");
    }
    CHECK(eventually([&] { return plane->plane->counters().accepted == 10; }));
    plane->plane->stop();
    CHECK(plane->idle());
    plane.reset();
    for (Peer& client : clients) client.receive_all();
}

TEST_CASE("turns: all workers turn, until one of them is stuck", "[turns]") {
    PlaneBuilder builder;
    builder.workers = 3;
    Plane plane(std::move(builder));
    const auto all_turned = [&] {
        auto turned = std::make_shared<std::promise<void>>();
        auto result = turned->get_future();
        plane.plane->when_all_turned([turned] { turned->set_value(); });
        return result;
    };
    CHECK(all_turned().wait_for(std::chrono::seconds(30)) == std::future_status::ready);

    // What runs on a worker's thread and does not come back.
    std::promise<void> stuck;
    std::promise<void> gate;
    plane.plane->when_all_turned([&] {
        stuck.set_value();
        gate.get_future().wait();
    });
    stuck.get_future().wait();
    auto later = all_turned();
    CHECK(later.wait_for(milliseconds(100)) == std::future_status::timeout);
    gate.set_value();
    CHECK(later.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
}

TEST_CASE("drain: another plane goes on with the sockets, and with who waits in them", "[drain]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 3;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    Plane old(std::move(builder));
    Peer established = old.connect();
    established.send("a");
    REQUIRE(established.receive(1) == "a");

    std::promise<Result<std::vector<proxy::InheritedSocket>>> asked;
    old.plane->listening_sockets([&](auto found) { asked.set_value(std::move(found)); });
    auto sockets = asked.get_future().get();
    REQUIRE(sockets.has_value());
    REQUIRE(sockets->size() == 3);
    const std::uint16_t port = old.port();

    RecordingLog log;
    proxy::DataPlaneSettings settings;
    settings.workers = 2;  // fewer than there are sockets
    settings.clock = &old.clock;
    settings.worker_logs = {&log, &log};
    proxy::DataPlane next(std::move(settings));
    next.inherit(std::move(*sockets));
    REQUIRE(next.listen(old.snapshot).empty());
    CHECK(next.take_unclaimed().empty());
    CHECK(next.bound_addresses().at(0).port == port);

    auto over = drain(old);
    old.settle();
    std::vector<Peer> waiting;  // nobody accepts, and nobody is refused
    for (int i = 0; i < 40; ++i) waiting.push_back(Peer::connect_to(port));
    next.start();
    for (Peer& client : waiting) {
        client.send("w");
        CHECK(client.receive(1) == "w");
    }
    CHECK(next.counters().accepted == 40);
    established.send("b");
    CHECK(established.receive(1) == "b");
    established.finish_sending();
    established.receive_all();
    over.get();
    waiting.clear();
    next.stop();
}

TEST_CASE("drain: a plane that holds accepts nothing until it is told to", "[drain][upgrade]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    Plane old(std::move(builder));
    const std::uint16_t port = old.port();
    RecordingLog log;
    const auto held = held_beside(old, log);
    proxy::DataPlane& next = *held;
    CHECK(next.ticket_keys() == old.plane->ticket_keys());

    // Both listen to the same sockets: who comes is the old one's.
    for (int i = 0; i < 20; ++i) {
        Peer client = Peer::connect_to(port);
        client.send("o");
        CHECK(client.receive(1) == "o");
    }
    CHECK(next.counters().accepted == 0);
    drain(old).get();
    std::vector<Peer> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(Peer::connect_to(port));
    std::promise<void> turned;
    next.when_all_turned([&] { turned.set_value(); });
    turned.get_future().wait();
    CHECK(next.counters().accepted == 0);
    next.accept();
    for (Peer& client : waiting) {
        client.send("n");
        CHECK(client.receive(1) == "n");
    }
    CHECK(next.counters().accepted == 20);
    waiting.clear();
    next.stop();
}

TEST_CASE("drain: a plane that holds takes nobody from the queue when it goes down",
          "[drain][upgrade]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    Plane old(std::move(builder));
    const std::uint16_t port = old.port();
    RecordingLog log;
    const auto held = held_beside(old, log);
    drain(old).get();

    std::vector<Peer> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(Peer::connect_to(port));
    std::promise<std::size_t> cut;
    held->wind_down(milliseconds(0), [&](std::size_t count) { cut.set_value(count); });
    CHECK(cut.get_future().get() == 0);
    CHECK(held->counters().accepted == 0);
    waiting.clear();
    held->stop();
}

// Another snapshot while connections come and go: addresses that are added, moved and removed, and
// what becomes of connections whose router or entry point is gone.
#include "hello_builder.hpp"
#include "proxy/listen_socket.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"

using namespace mesh;
using namespace mesh::test;

namespace {

using model::OnRemove;
using std::chrono::milliseconds;

/// An entry point on a port that was free just now.
std::uint16_t add(PlaneBuilder& builder, const std::string& name) {
    const std::uint16_t port = proxy::listen_on({"127.0.0.1", 0}, 1, 1, false).port;
    builder.entry_point(name);
    builder.configuration.entry_points[name].address = {"127.0.0.1", port};
    return port;
}

void remove(PlaneBuilder& builder, const std::string& name) {
    builder.configuration.entry_points.erase(name);
    std::erase_if(builder.configuration.routers, [&](const auto& entry) {
        return entry.second.entry_points == std::vector<std::string>{name};
    });
}

/// Established: the backend answers.
Peer established(std::uint16_t port) {
    Peer client = Peer::connect_to(port);
    client.send("a");
    REQUIRE(client.receive(1) == "a");
    return client;
}

bool echoes(Peer& client) {
    client.send("b");
    return client.receive(1) == "b";
}

/// "a" always, and "more" beside it, each with a router for plain TCP.
struct TwoEntryPoints {
    Backend backend{Backend::echo};
    PlaneBuilder builder;
    std::uint16_t more = 0;

    TwoEntryPoints() {
        builder.workers = 2;
        builder.router("main", "HostSNI(`*`)", {backend.port()}, plain());
        more = add(builder, "more");
        builder.router("side", "HostSNI(`*`)", {backend.port()}, plain());
    }
};

}  // namespace

TEST_CASE("reload: an entry point is added and removed, the others go on", "[reload]") {
    TwoEntryPoints setup;
    PlaneBuilder one = setup.builder;
    remove(one, "more");
    Plane plane(one);
    Peer old = established(plane.port());
    CHECK_FALSE(can_connect(setup.more));

    plane.apply(setup.builder);
    Peer fresh = established(setup.more);
    CHECK(echoes(old));

    plane.apply(one);
    CHECK_FALSE(can_connect(setup.more));
    CHECK(echoes(fresh));  // onRemove: keep
    CHECK(echoes(old));
    established(plane.port());
}

TEST_CASE("reload: where an address cannot be bound nothing changes", "[reload]") {
    TwoEntryPoints setup;
    Plane plane(setup.builder);
    const auto taken = proxy::listen_on({"127.0.0.1", 0}, 1, 1, false);
    PlaneBuilder next = setup.builder;
    remove(next, "more");
    const std::uint16_t good = add(next, "good");
    next.configuration.entry_points["bad"] = next.configuration.entry_points["good"];
    next.configuration.entry_points["bad"].name = "bad";
    next.configuration.entry_points["bad"].address.port = taken.port;

    const auto snapshot = *proxy::make_snapshot(next.configuration, {}, plane.snapshot);
    const auto failures = plane.plane->apply(snapshot);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].entry_point == "bad");
    plane.settle();
    established(setup.more);
    CHECK_FALSE(can_connect(good));
}

TEST_CASE("reload: an entry point moves to another address", "[reload]") {
    TwoEntryPoints setup;
    Plane plane(setup.builder);
    Peer before = established(setup.more);
    PlaneBuilder next = setup.builder;
    const std::uint16_t to = proxy::listen_on({"127.0.0.1", 0}, 1, 1, false).port;
    next.configuration.entry_points["more"].address.port = to;
    next.configuration.entry_points["more"].on_remove = OnRemove::close;
    plane.apply(next);
    established(to);
    CHECK_FALSE(can_connect(setup.more));
    CHECK(echoes(before));  // the entry point is still there

    // From one host to all and back: the same port is taken by ourselves meanwhile.
    next.configuration.entry_points["more"].address = {"", to};
    plane.apply(next);
    established(to);
    next.configuration.entry_points["more"].address = {"127.0.0.1", to};
    plane.apply(next);
    established(to);
}

TEST_CASE("reload: entry points that change names keep their sockets", "[reload]") {
    TwoEntryPoints setup;
    Backend other(Backend::greeter("other"));
    Plane plane(setup.builder);
    // Waits in the kernel's queue or before its route; either way it is not lost.
    std::vector<Peer> waiting;
    for (int i = 0; i < 20; ++i) waiting.push_back(Peer::connect_to(setup.more));
    PlaneBuilder next = setup.builder;
    remove(next, "more");
    next.entry_point("renamed").router("greets", "HostSNI(`*`)", {other.port()}, plain());
    next.configuration.entry_points["renamed"].address = {"127.0.0.1", setup.more};
    plane.apply(next);
    for (Peer& peer : waiting) CHECK((echoes(peer) || peer.ending() == Ending::none));
    CHECK(Peer::connect_to(setup.more).receive(5) == "other");
}

TEST_CASE("reload: an address that is given up and wanted again at once is ours", "[reload]") {
    TwoEntryPoints setup;
    Plane plane(setup.builder, false);  // no worker closes anything yet
    PlaneBuilder without = setup.builder;
    remove(without, "more");
    auto snapshot = plane.snapshot;
    for (const PlaneBuilder* builder : {&without, &setup.builder, &without, &setup.builder}) {
        snapshot = *proxy::make_snapshot(builder->configuration, {}, snapshot);
        CHECK(plane.plane->apply(snapshot).empty());
    }
    plane.plane->start();
    plane.settle();
    established(setup.more);
    established(plane.port());
}

TEST_CASE("reload: who came before an entry point went is still served", "[reload]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    const std::uint16_t port = add(builder, "more");
    builder.router("pass", "HostSNI(`shop.example`)", {backend.port()}, passthrough());
    Plane plane(builder);
    Peer client = Peer::connect_to(port);
    const std::string hello(as_text(a_client_hello().with_sni("shop.example").build()));
    client.send(hello.substr(0, 20));
    REQUIRE(eventually([&] { return plane.plane->counters().accepted == 1; }));

    PlaneBuilder next = builder;
    remove(next, "more");
    plane.apply(next);
    CHECK_FALSE(can_connect(port));
    client.send(hello.substr(20));
    CHECK(client.receive(hello.size()) == hello);
}

TEST_CASE("reload: onRemove says what becomes of established connections", "[reload]") {
    const auto how = GENERATE(OnRemove::keep, OnRemove::drain, OnRemove::close);
    const bool whole_entry_point = GENERATE(true, false);
    TwoEntryPoints setup;
    setup.builder.limits.removal_grace = milliseconds(300);
    auto& configuration = setup.builder.configuration;
    (whole_entry_point ? configuration.entry_points["more"].on_remove
                       : configuration.routers.at("side").on_remove) = how;
    Plane plane(setup.builder);
    Peer old = established(plane.port());
    Peer affected = established(setup.more);

    PlaneBuilder next = setup.builder;
    if (whole_entry_point)
        remove(next, "more");
    else
        next.configuration.routers.erase("side");
    const auto removed_at = std::chrono::steady_clock::now();
    plane.apply(next);
    if (how == OnRemove::keep) {
        CHECK(echoes(affected));
    } else {
        CHECK(affected.receive_all().empty());
        CHECK(affected.ending() == Ending::orderly);
        const auto lasted = std::chrono::steady_clock::now() - removed_at;
        CHECK((how == OnRemove::close || lasted >= milliseconds(290)));
    }
    CHECK(echoes(old));
    // What is added again under the same name is new.
    plane.apply(setup.builder);
    Peer again = established(setup.more);
    plane.settle();
    CHECK(echoes(again));
}

TEST_CASE("reload: a closed router lets nothing fall to a laxer one", "[reload]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("strict", "HostSNI(`shop.example`)", {backend.port()}, passthrough());
    builder.router("all", "HostSNI(`*`)", {backend.port()}, passthrough());
    builder.configuration.routers.at("strict").closed = true;
    Plane plane(builder);
    const auto answer = [&](const char* name) {
        Peer client = plane.connect();
        const std::string hello(as_text(a_client_hello().with_sni(name).build()));
        client.send(hello);
        return client.receive(hello.size()) == hello;
    };
    CHECK_FALSE(answer("shop.example"));
    CHECK(answer("other.example"));
    CHECK(backend.accepted() == 1);
}

TEST_CASE("reload: the same configuration reaches no worker", "[reload]") {
    TwoEntryPoints setup;
    Plane plane(setup.builder);
    const auto before = plane.snapshot;
    plane.apply(setup.builder);
    CHECK(plane.snapshot == before);
}

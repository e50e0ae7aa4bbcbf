// What one entry point may hold, and for how long; the process's own limits stay beside it.
#include "proxy/admission.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>
#include <thread>

using namespace mesh;
using namespace mesh::test;

namespace {

using std::chrono::milliseconds;

model::EntryPointLimits& limits_of(PlaneBuilder& builder) {
    return builder.configuration.entry_points.at("a").limits;
}

}  // namespace

TEST_CASE("entry point limits: the shares are exact over many threads", "[entry_point_limits]") {
    proxy::Admission admission({100, 100, 100});
    const proxy::EntryPointShare share{std::make_shared<proxy::EntryPointUsage>(), 7, 3};
    std::atomic<bool> exceeded{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 3000; ++i) {
                std::vector<proxy::Admission::ConnectionSlot> connections;
                std::vector<proxy::Admission::HandshakeSlot> handshakes;
                for (int k = 0; k < 4; ++k) {
                    if (auto slot = admission.open(share)) connections.push_back(std::move(*slot));
                    if (auto slot = admission.begin_handshake(share))
                        handshakes.push_back(std::move(*slot));
                }
                if (share.usage->connections > 7 || share.usage->handshakes > 3) exceeded = true;
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(exceeded);
    CHECK(share.usage->connections == 0);
    CHECK(share.usage->handshakes == 0);
    CHECK(admission.connections() == 0);
    CHECK(admission.handshakes() == 0);
}

TEST_CASE("entry point limits: counts go on over reloads, and the number may change",
          "[entry_point_limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    limits_of(builder).max_connections = 2;
    Plane plane(builder);
    Peer first = plane.connect();
    Peer second = plane.connect();
    REQUIRE(reaches(first));
    REQUIRE(reaches(second));
    limits_of(builder).max_connections = 3;
    plane.apply(builder);
    Peer third = plane.connect();
    CHECK(reaches(third));
    Peer fourth = plane.connect();
    fourth.send("x");
    auto answer = std::async(std::launch::async, [&] { return fourth.receive(1); });
    CHECK(answer.wait_for(milliseconds(300)) == std::future_status::timeout);
    first.close();
    CHECK(answer.get() == "x");
}

TEST_CASE("entry point limits: a client's connections are its own", "[entry_point_limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    limits_of(builder).max_connections_per_ip = 2;
    Plane plane(builder);
    Peer first = plane.connect();
    Peer second = plane.connect();
    REQUIRE(reaches(first));
    REQUIRE(reaches(second));
    for (int i = 0; i < 5; ++i) CHECK(plane.connect().receive_all().empty());
    const std::size_t told = plane.logged({"WARN", "as many open as it may", "source=127.0.0.1"});
    CHECK((told >= 1 && told <= 2));
    Peer other = Peer::connect_to(plane.port(), "127.0.0.2");
    CHECK(reaches(other));
    first.close();
    CHECK(eventually([&] {
        Peer again = plane.connect();
        return reaches(again);
    }));
}

TEST_CASE("entry point limits: who is idle too long is ended, who is not goes on",
          "[entry_point_limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    Plane plane(builder);
    plane.serve({"shop.example"});
    Peer idle = plane.connect();
    Peer busy = plane.connect();
    TlsPeer secure(plane.connect(), TlsOptions{});
    REQUIRE(reaches(idle));
    REQUIRE(reaches(busy));
    REQUIRE(secure.handshake());
    // Longer than a busy machine makes of a pause between two exchanges.
    limits_of(builder).idle_timeout = milliseconds(2'500);
    plane.apply(builder);
    auto ended = std::async(std::launch::async, [&] { return idle.receive_all(); });
    const auto begun = std::chrono::steady_clock::now();
    while (ended.wait_for(milliseconds(50)) != std::future_status::ready) {
        REQUIRE(reaches(busy));
        REQUIRE(std::chrono::steady_clock::now() - begun < patience);
    }
    CHECK(ended.get().empty());
    CHECK(idle.ending() == Ending::orderly);
    CHECK(secure.receive_all().empty());
    CHECK(secure.saw_close_notify());
    CHECK(reaches(busy));
    limits_of(builder).idle_timeout.reset();
    plane.apply(builder);
    plane.settle();
    std::this_thread::sleep_for(milliseconds(2'900));
    CHECK(reaches(busy));
}

TEST_CASE("entry point limits: going down, each has its own times", "[entry_point_limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    limits_of(builder).accept_grace = milliseconds(3'000);
    limits_of(builder).grace = milliseconds(300);
    Plane plane(builder);
    Peer before = plane.connect();
    REQUIRE(reaches(before));
    auto cut = std::make_shared<std::promise<std::size_t>>();
    auto result = cut->get_future();
    const auto begun = std::chrono::steady_clock::now();
    plane.plane->wind_down(std::chrono::minutes(5),
                           [cut](std::size_t count) { cut->set_value(count); });
    Peer late = plane.connect();
    CHECK(reaches(late));
    REQUIRE(result.wait_for(patience) == std::future_status::ready);  // not in five minutes
    CHECK(result.get() == 2);
    CHECK(std::chrono::steady_clock::now() - begun >= milliseconds(3'250));
    CHECK(before.receive_all().empty());
    CHECK(before.ending() == Ending::orderly);
}

TEST_CASE("entry point limits: going down, removed entry points wait for no other's time",
          "[entry_point_limits]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    limits_of(builder).grace = std::chrono::hours(1);
    builder.entry_point("more").router("q", "HostSNI(`*`)", {backend.port()}, plain());
    Plane plane(builder);
    Peer kept = plane.connect(1);
    REQUIRE(reaches(kept));
    builder.configuration.routers.erase("q");
    builder.configuration.entry_points.erase("more");
    plane.apply(builder);
    plane.settle();
    auto cut = std::make_shared<std::promise<std::size_t>>();
    auto result = cut->get_future();
    plane.plane->wind_down(milliseconds(200), [cut](std::size_t count) { cut->set_value(count); });
    REQUIRE(result.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK(result.get() == 1);
    CHECK(kept.receive_all().empty());
}

// Who is let through to a service: decided before anything is done for the client.
#include "proxy/middleware.hpp"

#include "proxy/socket_address.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

using namespace mesh;
using namespace mesh::test;
using proxy::InFlight;

namespace {

constexpr int access_denied = 49;

model::Middleware only_from(const std::vector<std::string>& ranges) {
    model::Middleware middleware;
    for (const std::string& range : ranges)
        middleware.source_range.push_back(*IpNetwork::parse(range));
    return middleware;
}

model::Middleware at_most(std::size_t amount) {
    model::Middleware middleware;
    middleware.in_flight_per_source = amount;
    return middleware;
}

void use(PlaneBuilder& builder,
         const std::string& router,
         const std::string& name,
         model::Middleware middleware) {
    middleware.name = name;
    builder.configuration.middlewares.insert_or_assign(name, std::move(middleware));
    auto& list = builder.configuration.routers.at(router).middlewares;
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

IpAddress::Bytes ip(const std::string& literal) {
    return proxy::SocketAddress::parse(literal, 1)->ip();
}

}  // namespace

TEST_CASE("in flight: exact over many threads, per client, and nothing is left behind",
          "[middleware]") {
    const auto count = std::make_shared<InFlight>();
    constexpr std::size_t max = 7;
    std::atomic<std::size_t> most{0};
    std::atomic<std::size_t> got{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int round = 0; round < 2'000; ++round) {
                proxy::Places places;
                for (int i = 0; i < 3; ++i)
                    if (auto place = count->enter(ip("192.0.2.1"), max)) {
                        places.push_back(std::move(*place));
                        ++got;
                    }
                std::size_t seen = count->count(ip("192.0.2.1"));
                std::size_t before = most;
                while (seen > before && !most.compare_exchange_weak(before, seen)) {
                }
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(got > 0);
    CHECK(most <= max);
    CHECK(count->count(ip("192.0.2.1")) == 0);

    auto one = count->enter(ip("192.0.2.1"), 1);
    CHECK(one.has_value());
    CHECK_FALSE(count->enter(ip("192.0.2.1"), 1).has_value());
    CHECK(count->enter(ip("192.0.2.2"), 1).has_value());
    CHECK_FALSE(count->enter(ip("192.0.2.3"), 0).has_value());
    *one = *count->enter(ip("192.0.2.4"), 1);
    CHECK(count->count(ip("192.0.2.1")) == 0);
    CHECK(count->count(ip("192.0.2.4")) == 1);
}

TEST_CASE("middlewares: only listed networks get through, before a server hears of it",
          "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    SECTION("plain, server first") {
        builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    }
    SECTION("plain beside TLS") {
        builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
        builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    }
    use(builder, "r", "office", only_from({"127.0.0.2", "10.0.0.0/8"}));
    Plane plane(std::move(builder));

    Peer stranger = Peer::connect_to(plane.port(), "127.0.0.3");
    stranger.send("x");
    CHECK(stranger.receive_all().empty());
    CHECK(backend.accepted() == 0);
    CHECK(plane.logged({"client refused by a middleware", "middleware=office", "router=r"}) == 1);
    Peer known = Peer::connect_to(plane.port(), "127.0.0.2");
    CHECK(reaches(known));
    CHECK(backend.accepted() == 1);
}

TEST_CASE("middlewares: a refused TLS client gets an alert, and no signature is made for it",
          "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`shop.example`)", {backend.port()});
    use(builder, "r", "office", only_from({"127.0.0.2"}));
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});

    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsOptions options;
        options.min_version = options.max_version = version;
        TlsPeer stranger(Peer::connect_to(plane.port(), "127.0.0.3"), options);
        CHECK_FALSE(stranger.handshake());
        CHECK(stranger.alert() == access_denied);
        CHECK_FALSE(stranger.saw_certificate());
    }
    CHECK(plane.plane->counters().handshakes == 0);
    CHECK(backend.accepted() == 0);
    TlsPeer known(Peer::connect_to(plane.port(), "127.0.0.2"), TlsOptions{});
    REQUIRE(known.handshake());
    known.send("x");
    CHECK(known.receive(1) == "x");
}

TEST_CASE("middlewares: TLS that is passed through is asked for too", "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`shop.example`)", {backend.port()}, passthrough());
    use(builder, "r", "office", only_from({"127.0.0.2"}));
    Plane plane(std::move(builder));

    TlsPeer stranger(Peer::connect_to(plane.port(), "127.0.0.3"), TlsOptions{});
    CHECK_FALSE(stranger.handshake());
    CHECK(backend.accepted() == 0);
}

TEST_CASE("middlewares: a validation of the CA is none of their business", "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`shop.example`)", {backend.port()});
    use(builder, "r", "nobody", only_from({"192.0.2.1"}));
    Plane plane(std::move(builder));
    plane.put_challenge("shop.example", "token.thumbprint");

    TlsOptions options;
    options.alpn = {"acme-tls/1"};
    TlsPeer validator(plane.connect(), options);
    CHECK(validator.handshake());
    CHECK(validator.alpn() == "acme-tls/1");
}

TEST_CASE("middlewares: all of the list must let a client through", "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    use(builder, "r", "one", at_most(1));
    use(builder, "r", "office", only_from({"127.0.0.2"}));
    Plane plane(builder);

    // The place that the first one gave is given back when the second refuses.
    for (int i = 0; i < 5; ++i) {
        Peer stranger = Peer::connect_to(plane.port(), "127.0.0.3");
        CHECK(stranger.receive_all().empty());
    }
    CHECK(plane.logged({"middleware=one"}) == 0);
    // The place goes with the connection, which the client may see end before.
    CHECK(eventually([&] {
        return plane.snapshot->middlewares.at("one")->in_flight->count(ip("127.0.0.3")) == 0;
    }));
    Peer known = Peer::connect_to(plane.port(), "127.0.0.2");
    CHECK(reaches(known));
}

TEST_CASE("middlewares: so many connections per client, over all workers and routers",
          "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    use(builder, "r", "few", at_most(4));
    use(builder, "s", "few", at_most(4));
    Plane plane(builder);
    plane.serve({"shop.example"});

    std::vector<Peer> open;
    for (int i = 0; i < 3; ++i) {
        open.push_back(Peer::connect_to(plane.port(), "127.0.0.2"));
        REQUIRE(reaches(open.back()));
    }
    TlsPeer fourth(Peer::connect_to(plane.port(), "127.0.0.2"), TlsOptions{});
    REQUIRE(fourth.handshake());
    for (int i = 0; i < 3; ++i) {
        Peer fifth = Peer::connect_to(plane.port(), "127.0.0.2");
        CHECK_FALSE(reaches(fifth));
        TlsPeer secure(Peer::connect_to(plane.port(), "127.0.0.2"), TlsOptions{});
        CHECK_FALSE(secure.handshake());
        CHECK(secure.alert() == access_denied);
    }
    Peer other = Peer::connect_to(plane.port(), "127.0.0.3");
    CHECK(reaches(other));

    const auto count = plane.snapshot->middlewares.at("few")->in_flight;
    CHECK(count->count(ip("127.0.0.2")) == 4);
    open.front().close();
    CHECK(eventually([&] { return count->count(ip("127.0.0.2")) == 3; }));
    Peer again = Peer::connect_to(plane.port(), "127.0.0.2");
    CHECK(reaches(again));
}

TEST_CASE("middlewares: whoever leaves or fails gives the place back", "[middleware]") {
    PlaneBuilder builder;
    const std::uint16_t nobody = closed_port();
    builder.router("r", "HostSNI(`shop.example`)", {nobody});
    builder.router("p", "HostSNI(`pass.example`)", {nobody}, passthrough());
    use(builder, "r", "few", at_most(1));
    use(builder, "p", "few", at_most(1));
    builder.limits.handshake_timeout = std::chrono::seconds(3);
    Plane plane(builder);
    plane.serve({"shop.example"});
    const auto count = plane.snapshot->middlewares.at("few")->in_flight;
    const auto none = [&] { return count->count(ip("127.0.0.2")) == 0; };
    const auto client = [&](const TlsOptions& options) {
        return TlsPeer(Peer::connect_to(plane.port(), "127.0.0.2"), options);
    };

    SECTION("a dial that fails") {
        for (int i = 0; i < 3; ++i) {
            TlsPeer one = client({});
            CHECK(one.handshake());
            CHECK(one.receive_all().empty());
            CHECK(eventually(none));
        }
    }
    SECTION("a dial that fails, passed through") {
        for (int i = 0; i < 3; ++i) {
            CHECK_FALSE(client({"pass.example"}).handshake());
            CHECK(eventually(none));
        }
    }
    SECTION("a handshake that fails") {
        TlsOptions old;
        old.max_version = TLS1_2_VERSION;
        TlsPeer one = client(old);
        SSL_set_cipher_list(one.native(), "ECDHE-ECDSA-AES128-SHA");
        CHECK_FALSE(one.handshake());
        CHECK(eventually(none));
    }
    SECTION("a handshake that is never finished") {
        TlsPeer one = client({});
        SSL_set_bio(one.native(), BIO_new(BIO_s_mem()), BIO_new_socket(one.fd(), BIO_NOCLOSE));
        one.handshake();
        CHECK(eventually([&] { return !none(); }));
        CHECK(eventually(none));
    }
    SECTION("a reset") {
        TlsPeer one = client({});
        SSL_set_bio(one.native(), BIO_new(BIO_s_mem()), BIO_new_socket(one.fd(), BIO_NOCLOSE));
        one.handshake();
        CHECK(eventually([&] { return !none(); }));
        one.socket().reset();
        CHECK(eventually(none));
    }
}

TEST_CASE("middlewares: the count goes on over reloads, and the new amount counts",
          "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    use(builder, "r", "few", at_most(2));
    Plane plane(builder);
    const auto connect = [&] { return Peer::connect_to(plane.port(), "127.0.0.2"); };
    Peer first = connect();
    Peer second = connect();
    REQUIRE(reaches(first));
    REQUIRE(reaches(second));

    use(builder, "r", "other", only_from({"127.0.0.0/8"}));
    plane.apply(builder);
    Peer third = connect();
    CHECK_FALSE(reaches(third));

    // Out of use for a while, it has not forgotten who is there.
    builder.configuration.routers.at("r").middlewares = {"other"};
    plane.apply(builder);
    builder.configuration.routers.at("r").middlewares = {"few"};
    use(builder, "r", "few", at_most(3));
    plane.apply(builder);
    Peer fourth = connect();
    CHECK(reaches(fourth));
    Peer fifth = connect();
    CHECK_FALSE(reaches(fifth));

    first.close();
    second.close();
    fourth.close();
    const auto before = plane.snapshot->middlewares.at("other");
    plane.apply(builder);
    CHECK(plane.snapshot->middlewares.at("other") == before);
    const auto count = plane.snapshot->middlewares.at("few")->in_flight;
    CHECK(eventually([&] { return count->count(ip("127.0.0.2")) == 0; }));
    builder.configuration.middlewares.clear();
    builder.configuration.routers.at("r").middlewares.clear();
    plane.apply(builder);
    for (int i = 0; i < 5; ++i) {
        Peer free = connect();
        CHECK(reaches(free));
    }
}

TEST_CASE("middlewares: an IPv4 client of a socket for both families is an IPv4 client",
          "[middleware]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()}, plain());
    builder.configuration.entry_points.begin()->second.address = {"", 0};
    use(builder, "r", "v4", only_from({"127.0.0.0/8"}));
    Plane plane(std::move(builder));

    Peer v4 = plane.connect();
    CHECK(reaches(v4));
}

// For whom a connection counts: what a trusted proxy says, and what servers are told.
#include "proxy/proxy_header.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>

using namespace mesh;
using namespace mesh::test;
using model::ProxyVersion;

namespace {

using std::chrono::milliseconds;

model::ProxyProtocol trusting(const std::vector<std::string>& networks) {
    model::ProxyProtocol out;
    for (const std::string& network : networks) out.trusted.push_back(*IpNetwork::parse(network));
    return out;
}

std::string header(const std::string& source, ProxyVersion version = ProxyVersion::v2) {
    const proxy::ProxiedAddresses addresses{*proxy::SocketAddress::parse(source, 4321),
                                            *proxy::SocketAddress::parse("203.0.113.7", 443)};
    return std::string(as_text(proxy::write_proxy_header(version, addresses)));
}

/// Routers "known" for 192.0.2.1 and "p" for the others, whose servers say so and then echo.
struct Site {
    explicit Site(model::ProxyProtocol trust) {
        builder.router("p", "HostSNI(`*`)", {own.port()}, plain());
        builder.router("known", "ClientIP(`192.0.2.1`)", {known.port()}, plain());
        builder.configuration.entry_points.at("a").proxy_protocol = std::move(trust);
    }
    Backend own{Backend::greeter("own  ")};
    Backend known{Backend::greeter("known")};
    PlaneBuilder builder;
};

const std::string garbage = "PROXY TCP4 somebody\r\n";

}  // namespace

TEST_CASE("proxies: a trusted one says whose connection it is", "[proxies]") {
    // X24
    Site site(trusting({"127.0.0.0/8"}));
    Plane plane(site.builder);
    for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
        Peer client = plane.connect();
        REQUIRE(client.send(header("192.0.2.1", version) + "abc"));
        CHECK(client.receive(8) == "knownabc");
        Peer other = plane.connect();
        REQUIRE(other.send(header("192.0.2.2", version)));
        CHECK(other.receive(5) == "own  ");
    }
    Peer mapped = plane.connect();
    REQUIRE(mapped.send("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"));
    CHECK(mapped.receive(5) == "known");
}

TEST_CASE("proxies: the header may come in any pieces", "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    Plane plane(site.builder);
    for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
        Peer client = plane.connect();
        for (const char byte : header("192.0.2.1", version) + "abc") {
            REQUIRE(client.send(std::string_view(&byte, 1)));
            plane.settle();
        }
        CHECK(client.receive(8) == "knownabc");
    }
}

TEST_CASE("proxies: one that speaks for itself keeps its address", "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    Plane plane(site.builder);
    for (const std::string& nobody :
         {std::string("PROXY UNKNOWN\r\n"),
          std::string(as_text(proxy::write_proxy_header(ProxyVersion::v2, std::nullopt))),
          std::string()}) {
        Peer client = plane.connect();
        REQUIRE(client.send(nobody + "abc"));
        CHECK(client.receive(8) == "own  abc");
    }
    // The beginning of a header that ends there is none.
    Peer brief = plane.connect();
    REQUIRE(brief.send("PRO"));
    brief.finish_sending();
    CHECK(brief.receive_all() == "own  PRO");
}

TEST_CASE("proxies: from anybody else a header is payload", "[proxies]") {
    // X25
    Site site(trusting({"127.0.0.2", "::1"}));
    Plane plane(site.builder);
    Peer client = plane.connect();
    REQUIRE(client.send(header("192.0.2.1")));
    CHECK(client.receive(5 + header("192.0.2.1").size()) == "own  " + header("192.0.2.1"));
    Peer rude = plane.connect();
    REQUIRE(rude.send(garbage));
    CHECK(rude.receive(5 + garbage.size()) == "own  " + garbage);
}

TEST_CASE("proxies: insecure believes everybody", "[proxies]") {
    model::ProxyProtocol everybody;
    everybody.insecure = true;
    Site site(everybody);
    Plane plane(site.builder);
    Peer client = Peer::connect_to(plane.port(), "127.0.0.3");
    REQUIRE(client.send(header("192.0.2.1")));
    CHECK(client.receive(5) == "known");
}

TEST_CASE("proxies: a malformed or unfinished header closes", "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    // Half of it is what a silent proxy has: it must be enough to say something.
    site.builder.limits.handshake_timeout = milliseconds(5'000);
    Plane plane(site.builder);
    Peer client = plane.connect();
    SECTION("malformed") {
        client.send(garbage);
    }
    SECTION("cut by the end") {
        client.send(header("192.0.2.1").substr(0, 20));
        client.finish_sending();
    }
    SECTION("stalled") {
        client.send(header("192.0.2.1").substr(0, 20));
    }
    SECTION("stalled in the signature") {
        client.send("PROX");
    }
    CHECK(client.receive_all().empty());
    CHECK(eventually([&] { return plane.idle(); }));
    CHECK(site.own.accepted() + site.known.accepted() == 0);
}

TEST_CASE("proxies: a reset within the header ends the connection at once", "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    site.builder.limits.handshake_timeout = std::chrono::minutes(5);
    Plane plane(site.builder);
    Peer client = plane.connect();
    client.send("PROX");
    REQUIRE(eventually([&] { return plane.plane->counters().open == 1; }));
    client.reset();
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("proxies: where the server may begin, a silent proxy is waited for a while only",
          "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    site.builder.limits.proxy_header_wait = milliseconds(300);
    SECTION("plain routers alone") {
        Plane plane(site.builder);
        Peer silent = plane.connect();
        CHECK(silent.receive(5) == "own  ");
        REQUIRE(silent.send("x"));
        CHECK(silent.receive(1) == "x");
    }
    SECTION("with TLS the client has to speak first anyway") {
        site.builder.limits.handshake_timeout = milliseconds(900);
        site.builder.router("s", "HostSNI(`shop.example`)", {site.own.port()});
        Plane plane(site.builder);
        Peer silent = plane.connect();
        CHECK(silent.receive_all().empty());
    }
}

TEST_CASE("proxies: TLS behind a header", "[proxies]") {
    Backend known(Backend::greeter("known"));
    Backend own(Backend::greeter("own  "));
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {own.port()});
    builder.router("k", "HostSNI(`shop.example`) && ClientIP(`192.0.2.1`)", {known.port()});
    builder.configuration.entry_points.at("a").proxy_protocol = trusting({"127.0.0.1"});
    Plane plane(builder);
    plane.serve({"shop.example"});
    for (const std::string who : {"192.0.2.1", "192.0.2.9", ""}) {
        Peer peer = plane.connect();
        if (!who.empty()) REQUIRE(peer.send(header(who)));
        TlsPeer client(std::move(peer), TlsOptions{});
        REQUIRE(client.handshake());
        CHECK(client.receive(5) == (who == "192.0.2.1" ? "known" : "own  "));
    }
}

TEST_CASE("proxies: pending handshakes count for the client behind the proxy", "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    site.builder.workers = 2;
    site.builder.limits.handshakes_per_source_max = 2;
    site.builder.router("s", "HostSNI(`shop.example`)", {site.own.port()});
    Plane plane(site.builder);
    std::vector<Peer> pending;
    for (int i = 0; i < 10; ++i) pending.push_back(plane.connect());  // no header yet
    CHECK(eventually([&] { return plane.plane->counters().accepted == 10; }));
    // A listener that finds nobody to accept has counted one for a moment.
    const auto ten_are_open = [&] { return plane.plane->counters().open == 10; };
    CHECK(eventually(ten_are_open));
    for (std::size_t i = 0; i < 10; ++i)
        REQUIRE(pending[i].send(header("192.0.2." + std::to_string(10 + i / 2))));
    // Headers are read at the end of a turn, so that it takes a whole one more.
    plane.settle();
    plane.settle();
    CHECK(eventually(ten_are_open));

    Peer third = plane.connect();
    REQUIRE(third.send(header("192.0.2.10")));
    CHECK(third.receive_all().empty());
    CHECK(eventually([&] { return plane.logged({"WARN", "source=192.0.2.10"}) == 1; }));
    Peer other = plane.connect();
    REQUIRE(other.send(header("192.0.2.99") + "x"));
    CHECK(other.receive(6) == "own  x");
    pending.clear();
    CHECK(eventually([&] {
        Peer again = plane.connect();
        again.send(header("192.0.2.10") + "x");
        return again.receive(6) == "own  x";
    }));
}

TEST_CASE("proxies: servers are told who the client is, ahead of anything else", "[proxies]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.configuration.entry_points.at("a").proxy_protocol = trusting({"127.0.0.1"});
    for (const ProxyVersion version : {ProxyVersion::v1, ProxyVersion::v2}) {
        for (const char* const service : {"p", "s"})
            builder.configuration.services.at(service).proxy_protocol = version;
        Plane plane(builder);
        plane.serve({"shop.example"});

        // From a proxy, whose words are passed on.
        const std::string told = header("192.0.2.1", version);
        Peer proxied = plane.connect();
        REQUIRE(proxied.send(header("192.0.2.1") + "abc"));
        CHECK(proxied.receive(told.size() + 3) == told + "abc");

        // From a client of ours, by its own address and where it connected to.
        TlsPeer client(Peer::connect_to(plane.port(), "127.0.0.3"), TlsOptions{});
        const auto from = proxy::SocketAddress::of_socket(client.fd());
        REQUIRE(from);
        const Bytes own = proxy::write_proxy_header(
            version,
            proxy::ProxiedAddresses{*from,
                                    *proxy::SocketAddress::parse("127.0.0.1", plane.port())});
        REQUIRE(client.handshake());
        REQUIRE(client.send("abc"));
        CHECK(client.receive(own.size() + 3) == std::string(as_text(own)) + "abc");
    }
}

TEST_CASE("proxies: trust and what servers are told follow a reload", "[proxies]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("p", "HostSNI(`*`)", {backend.port()}, plain());
    Plane plane(builder);
    const std::string said = header("192.0.2.1", ProxyVersion::v1);
    const auto answer = [&](std::size_t size) {
        Peer client = plane.connect();
        client.send(said + "abc");
        return client.receive(size);
    };
    CHECK(answer(said.size() + 3) == said + "abc");
    builder.configuration.entry_points.at("a").proxy_protocol = trusting({"127.0.0.1"});
    plane.apply(builder);
    plane.settle();
    CHECK(answer(3) == "abc");
    builder.configuration.services.at("p").proxy_protocol = ProxyVersion::v1;
    plane.apply(builder);
    plane.settle();
    CHECK(answer(said.size() + 3) == said + "abc");
    builder.configuration.services.at("p").proxy_protocol = ProxyVersion::v2;
    plane.apply(builder);
    plane.settle();
    const std::string binary = header("192.0.2.1");
    CHECK(answer(binary.size() + 3) == binary + "abc");
}

TEST_CASE("proxies: middlewares ask who the client behind the proxy is", "[proxies]") {
    Site site(trusting({"127.0.0.1"}));
    model::Middleware office;
    office.name = "office";
    office.source_range = {*IpNetwork::parse("192.0.2.0/24")};
    model::Middleware few;
    few.name = "few";
    few.in_flight_per_source = 1;
    site.builder.configuration.middlewares = {{"office", office}, {"few", few}};
    site.builder.configuration.routers.at("p").middlewares = {"office", "few"};
    Plane plane(site.builder);
    Peer stranger = plane.connect();
    REQUIRE(stranger.send(header("198.51.100.1")));
    CHECK(stranger.receive_all().empty());
    CHECK(eventually([&] { return plane.logged({"client_refused", "client=198.51.100.1"}) == 1; }));
    Peer first = plane.connect();
    REQUIRE(first.send(header("192.0.2.7")));
    CHECK(first.receive(5) == "own  ");
    Peer second = plane.connect();
    REQUIRE(second.send(header("192.0.2.7")));
    CHECK(second.receive_all().empty());
    Peer other = plane.connect();
    REQUIRE(other.send(header("192.0.2.8")));
    CHECK(other.receive(5) == "own  ");
}

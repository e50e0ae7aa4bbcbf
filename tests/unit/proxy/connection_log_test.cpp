// What is told of a connection when it has ended, and what is counted.
#include "hello_builder.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"
#include "support/told_plane.hpp"

#include <map>
#include <string>

using namespace mesh;
using namespace mesh::test;
using Catch::Matchers::StartsWith;

namespace {

using std::chrono::milliseconds;
TlsOptions offering(const std::string& name, std::vector<std::string> protocols) {
    TlsOptions options(name);
    options.alpn = std::move(protocols);
    return options;
}

std::uint64_t ended(const proxy::Counters& counters, proxy::Cause cause) {
    return counters.ended[static_cast<std::size_t>(cause)];
}

}  // namespace

TEST_CASE("connection log: TLS that ends here is told with all that was agreed on",
          "[connection-log]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("shop", "HostSNI(`shop.example`)", {backend.port()});
    builder.options("default").alpn_protocols = {"mqtt"};
    ToldPlane told(std::move(builder));
    told.plane.serve({"shop.example"});
    {
        TlsPeer client(told.plane.connect(), offering("shop.example", {"h2", "mqtt"}));
        REQUIRE(client.handshake());
        client.send("hello");
        CHECK(client.receive(5) == "hello");
        client.close_notify();
        client.receive_all();
    }
    Told line = told.next();
    CHECK_THAT(line["client"], StartsWith("127.0.0.1:"));
    CHECK(line.count("peer") == 0);
    CHECK(line["sni"] == "shop.example");
    CHECK(line["alpn"] == "mqtt");
    CHECK(line["router"] == "shop");
    CHECK(line["service"] == "shop");
    CHECK(line["server"] == "127.0.0.1:" + std::to_string(backend.port()));
    CHECK(line["tls"] == "TLSv1.3");
    CHECK_THAT(line["cipher"], StartsWith("TLS_"));
    CHECK_FALSE(line["group"].empty());
    CHECK(line["resumed"] == "false");
    CHECK(line["bytes_up"] == "5");
    CHECK(line["bytes_down"] == "5");
    for (const char* phase : {"route_ms", "handshake_ms", "dial_ms", "relay_ms", "total_ms"})
        CHECK(line.count(phase) == 1);
    CHECK(line["cause"] == "none");
    CHECK(line["reason"] == "complete");

    const proxy::Counters counters = told.counters();
    CHECK(counters.established == 1);
    CHECK(counters.bytes_up == 5);
    CHECK(counters.bytes_down == 5);
    CHECK(ended(counters, proxy::Cause::none) == 1);
}

TEST_CASE("connection log: whose fault it was", "[connection-log]") {
    Backend backend(Backend::echo);
    const std::uint16_t nobody = closed_port();
    PlaneBuilder builder;
    builder.router("down", "HostSNI(`down.example`)", {nobody}, passthrough());
    builder.router("up", "HostSNI(`up.example`)", {backend.port()}, passthrough());
    builder.router("bare", "HostSNI(`bare.example`)", {backend.port()});
    ToldPlane told(std::move(builder));

    SECTION("no router") {
        TlsPeer client(told.plane.connect(), {"other.example"});
        CHECK_FALSE(client.handshake());
        Told line = told.next();
        CHECK(line["cause"] == "client");
        CHECK(line["reason"] == "no router matches");
        CHECK(line["sni"] == "other.example");
        CHECK(line.count("router") == 0);
        CHECK(line.count("relay_ms") == 0);
        CHECK(ended(told.counters(), proxy::Cause::client) == 1);
    }
    SECTION("no certificate") {
        TlsPeer client(told.plane.connect(), {"bare.example"});
        CHECK_FALSE(client.handshake());
        Told line = told.next();
        CHECK(line["cause"] == "proxy");
        CHECK(line["router"] == "bare");
    }
    SECTION("no server") {
        TlsPeer client(told.plane.connect(), offering("down.example", {"h2", "mqtt"}));
        CHECK_FALSE(client.handshake());
        Told line = told.next();
        CHECK(line["cause"] == "server");
        CHECK(line["router"] == "down");
        CHECK(line["alpn"] == "h2,mqtt");
        CHECK(line.count("server") == 0);
        CHECK(told.counters().dials_failed == 1);
    }
    SECTION("a client that breaks off") {
        Peer client = told.plane.connect();
        client.send(as_text(a_client_hello().with_sni("up.example").build()));
        REQUIRE(eventually([&] { return told.counters().established == 1; }));
        client.reset();
        Told line = told.next();
        CHECK(line["cause"] == "client");
        CHECK(line["reason"] == "reset");
    }
}

TEST_CASE("connection log: a client that says nothing is ended by its time", "[connection-log]") {
    PlaneBuilder builder;
    builder.router("up", "HostSNI(`up.example`)", {closed_port()}, passthrough());
    builder.limits.handshake_timeout = milliseconds(300);
    ToldPlane told(std::move(builder));
    Peer client = told.plane.connect();
    client.receive_all();
    Told line = told.next();
    CHECK(line["cause"] == "timeout");
    CHECK(line.count("route_ms") == 0);
}

TEST_CASE("connection log: of a service made of others, the one whose server it was is told",
          "[connection-log]") {
    Backend backend(Backend::greeter("blue"));
    PlaneBuilder builder;
    builder.router("mix", "HostSNI(`*`)", {}, plain());
    builder.servers("blue", {{"127.0.0.1", backend.port(), {}}});
    builder.servers("away", {{"127.0.0.1", closed_port(), {}}});
    builder.configuration.services.at("mix").services = {{{"away", {}}, 1}, {{"blue", {}}, 1}};
    ToldPlane told(std::move(builder));
    CHECK(told.plane.connect().receive(4) == "blue");
    Told line = told.next();
    CHECK(line["router"] == "mix");
    CHECK(line["service"] == "blue");
    CHECK(line["server"] == "127.0.0.1:" + std::to_string(backend.port()));
}

TEST_CASE("connection log: the client is whom a PROXY header names, the peer who sent it",
          "[connection-log]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("up", "HostSNI(`*`)", {backend.port()}, plain());
    builder.configuration.entry_points.begin()->second.proxy_protocol.insecure = true;
    ToldPlane told(std::move(builder));
    {
        Peer client = told.plane.connect();
        client.send("PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\nhello");
        CHECK(client.receive(5) == "hello");
    }
    Told line = told.next();
    CHECK(line["client"] == "192.0.2.7:4711");
    CHECK_THAT(line["peer"], StartsWith("127.0.0.1:"));
}

TEST_CASE("connection log: a long offer of protocols is cut", "[connection-log]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("up", "HostSNI(`up.example`)", {backend.port()}, passthrough());
    ToldPlane told(std::move(builder));
    std::vector<std::string> protocols(200, std::string(200, 'x'));
    protocols.front() = "first";
    {
        Peer client = told.plane.connect();
        client.send(as_text(a_client_hello().with_sni("up.example").with_alpn(protocols).build()));
        REQUIRE(eventually([&] { return told.counters().established == 1; }));
    }
    CHECK(told.next()["alpn"] == "first");
}

TEST_CASE("connection log: short ones are left out, and all when it is off", "[connection-log]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("up", "HostSNI(`*`)", {backend.port()}, plain());
    ToldPlane told(std::move(builder), std::chrono::hours(1));
    const auto one_connection = [&](std::uint64_t number) {
        {
            Peer client = told.plane.connect();
            client.send("x");
            CHECK(client.receive(1) == "x");
        }
        return eventually([&] { return ended(told.counters(), proxy::Cause::none) == number; });
    };
    // A connection is counted first and told of then.
    REQUIRE(one_connection(1));
    told.plane.settle();
    CHECK(told.is_silent());
    told.plane.plane->set_connection_log({}, milliseconds(0));
    told.plane.settle();
    REQUIRE(one_connection(2));
    told.plane.settle();
    CHECK(told.is_silent());
}

// TLS from mesh to servers: what reaches them, whom it passes over, and what a reload changes.
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_backend.hpp"
#include "support/tls_peer.hpp"
#include "support/told_plane.hpp"

#include <future>
#include <string>
#include <thread>

using namespace mesh;
using namespace mesh::test;
using namespace std::string_literals;
using Catch::Matchers::StartsWith;
using std::chrono::milliseconds;

namespace {

/// One service, reached in the clear on the first entry point.
PlaneBuilder to_servers(const std::vector<std::uint16_t>& ports, model::ServerTls tls) {
    PlaneBuilder builder;
    builder.router("plain", "HostSNI(`*`)", ports, plain());
    builder.entry_point("ended").router("shop", "HostSNI(`shop.example`)", ports);
    for (const char* const name : {"plain", "shop"})
        for (model::Server& server : builder.configuration.services.at(name).servers)
            server.tls = tls;
    builder.upstream[""] = policy_for("db.internal");
    return builder;
}

}  // namespace

TEST_CASE("upstream: plain and TLS clients reach a server in TLS, and half-closes pass",
          "[upstream]") {
    std::atomic<int> orderly = 0;
    Backend db(tls_echo("db.internal", &orderly));
    Plane plane(to_servers({db.port()}, model::ServerTls::direct));
    plane.serve({"shop.example"});

    Peer client = plane.connect();
    const std::string text = pattern(300'000, 1);
    std::thread writer([&] {
        client.send(text);
        client.finish_sending();
    });
    CHECK(client.receive_all() == text);
    writer.join();
    CHECK(client.ending() == Ending::orderly);

    TlsPeer secure(plane.connect(1), TlsOptions());
    REQUIRE(secure.handshake());
    secure.send("hello");
    CHECK(secure.receive(5) == "hello");
    secure.close_notify();
    CHECK(secure.receive_all().empty());
    CHECK(secure.saw_close_notify());
    CHECK(eventually([&] { return orderly == 2; }));
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("upstream: the log of connections has what was agreed on with the server", "[upstream]") {
    Backend db(tls_echo("db.internal"));
    Backend clear(Backend::echo);
    PlaneBuilder builder = to_servers({db.port()}, model::ServerTls::direct);
    builder.entry_point("raw").router("bare", "HostSNI(`*`)", {clear.port()}, plain());
    ToldPlane told(std::move(builder));
    told.plane.serve({"shop.example"});
    {
        Peer client = told.plane.connect();
        REQUIRE(reaches(client));
    }
    Told line = told.next();
    CHECK(line.count("tls") == 0);
    CHECK(line["server_tls"] == "TLSv1.3");
    CHECK_THAT(line["server_cipher"], StartsWith("TLS_"));
    CHECK_FALSE(line["server_group"].empty());
    {
        TlsPeer client(told.plane.connect(1), TlsOptions());
        REQUIRE(client.handshake());
        client.send("x");
        REQUIRE(client.receive(1) == "x");
    }
    line = told.next();
    CHECK(line["tls"] == "TLSv1.3");
    CHECK(line["server_tls"] == "TLSv1.3");
    {
        Peer client = told.plane.connect(2);
        REQUIRE(reaches(client));
    }
    line = told.next();
    CHECK(line["router"] == "bare");
    CHECK(line.count("server_tls") == 0);
}

TEST_CASE("upstream: who has another name is passed over, and said once", "[upstream]") {
    Backend wrong(tls_echo("other.internal"));
    Backend right(tls_echo("db.internal"));
    Plane plane(to_servers({wrong.port(), right.port()}, model::ServerTls::direct));
    for (int i = 0; i < 4; ++i) {
        Peer client = plane.connect();
        CHECK(reaches(client));
    }
    CHECK(plane.logged(
              {"WARN", "no TLS with a server", "expected=db.internal", "hostname mismatch"}) == 1);
    CHECK(plane.logged({"WARN backend_down", "hostname mismatch"}) == 1);
}

TEST_CASE("upstream: without a server that is right the client is reset, by the server's doing",
          "[upstream]") {
    Backend wrong(tls_echo("other.internal"));
    Backend clear(Backend::greeter("no TLS here"));
    Plane plane(to_servers({wrong.port(), clear.port()}, model::ServerTls::direct));
    Peer client = plane.connect();
    CHECK(client.receive_all().empty());
    CHECK(client.ending() == Ending::reset);
    CHECK(plane.logged({"cause=server", "no server could be reached"}) == 1);
    CHECK(plane.logged({"does it speak TLS?"}) == 2);
}

TEST_CASE("upstream: a Postgres server is asked first", "[upstream]") {
    Backend db(after_asking(tls_echo("db.internal")));
    Plane plane(to_servers({db.port()}, model::ServerTls::postgres));
    Peer client = plane.connect();
    CHECK(reaches(client));
}

TEST_CASE("upstream: a Postgres server without TLS is a failed dial", "[upstream]") {
    Backend none(after_asking(Backend::echo, "N"));
    Backend db(after_asking(tls_echo("db.internal")));
    Plane plane(to_servers({none.port(), db.port()}, model::ServerTls::postgres));
    for (int i = 0; i < 2; ++i) {
        Peer client = plane.connect();
        CHECK(reaches(client));
    }
    CHECK(plane.logged({"has no TLS (ssl=off?)"}) == 1);
    CHECK(plane.logged({"WARN backend_down", "it has no TLS"}) == 1);
}

TEST_CASE("upstream: bytes of a server ahead of its TLS end the connection", "[upstream]") {
    Backend db(after_asking(tls_echo("db.internal"), "Sextra"));
    Plane plane(to_servers({db.port()}, model::ServerTls::postgres));
    Peer client = plane.connect();
    CHECK(client.receive_all().empty());
    CHECK(client.ending() == Ending::reset);
}

TEST_CASE("upstream: a server that never finishes the handshake has the time of a dial",
          "[upstream]") {
    Backend silent([](Peer peer) { peer.receive_all(); });
    Backend db(tls_echo("db.internal"));
    PlaneBuilder builder = to_servers({silent.port(), db.port()}, model::ServerTls::direct);
    builder.configuration.services.at("plain").servers_transport = "quick";
    model::ServersTransport quick;
    quick.dial_timeout = milliseconds(3'000);  // the other one's handshake has no more either
    builder.configuration.servers_transports["quick"] = quick;
    builder.upstream["quick"] = policy_for("db.internal");
    // Longer than a client here waits.
    builder.limits.dial_timeout = builder.limits.dial_timeout_total = std::chrono::minutes(5);
    Plane plane(std::move(builder));
    Peer client = plane.connect();
    CHECK(reaches(client));
}

TEST_CASE("upstream: a service has a termination delay of its own", "[upstream]") {
    std::promise<void> over;
    Backend quiet([&, ended = over.get_future().share()](Peer peer) {
        peer.receive_all();
        ended.wait();
    });
    PlaneBuilder builder;
    builder.router("plain", "HostSNI(`*`)", {quiet.port()}, plain());
    builder.configuration.services.at("plain").termination_delay = milliseconds(100);
    Plane plane(std::move(builder));
    Peer client = plane.connect();
    client.send("x");
    client.finish_sending();
    CHECK(eventually([&] { return plane.idle(); }));  // in less than the usual minute
    over.set_value();
}

TEST_CASE("upstream: nobody is spoken to in the clear because a policy is missing", "[upstream]") {
    PlaneBuilder builder = to_servers({1}, model::ServerTls::direct);
    builder.upstream.clear();
    const auto made = proxy::make_snapshot(builder.configuration, {}, nullptr, builder.upstream);
    REQUIRE_FALSE(made.has_value());
    CHECK_THAT(made.error().message, ContainsSubstring("service plain"));
}

TEST_CASE("upstream: a reload changes the service when how it is spoken to changes", "[upstream]") {
    PlaneBuilder builder = to_servers({1}, model::ServerTls::direct);
    const auto first = *proxy::make_snapshot(builder.configuration, {}, nullptr, builder.upstream);
    CHECK(*proxy::make_snapshot(builder.configuration, {}, first, builder.upstream) == first);
    builder.upstream[""] = policy_for("elsewhere.internal");
    const auto second = *proxy::make_snapshot(builder.configuration, {}, first, builder.upstream);
    CHECK(second->services.at("plain") != first->services.at("plain"));
    CHECK(second->services.at("plain")->states == first->services.at("plain")->states);
}

TEST_CASE("upstream: a cancel request goes to a server the way it is spoken to", "[upstream]") {
    const std::string cancel = "\0\0\0\x10\x04\xd2\x16\x2e\0\0\1\2\3\4\5\6"s;
    std::atomic<int> cancelled = 0;
    Backend db(after_asking([&](Peer peer) {
        tls::test::LeafOptions leaf;
        leaf.names = {"db.internal"};
        const auto context = server_context(*servers_world().credential(leaf));
        const tls::SslPtr ssl(SSL_new(context.get()));
        SSL_set_fd(ssl.get(), peer.fd());
        char bytes[64];
        if (SSL_accept(ssl.get()) != 1) return;
        const int count = SSL_read(ssl.get(), bytes, sizeof bytes);
        if (count > 0 && std::string(bytes, static_cast<std::size_t>(count)) == cancel) ++cancelled;
    }));
    PlaneBuilder builder;
    builder.router("db", "HostSNI(`db.example`)", {db.port()});
    builder.configuration.services.at("db").servers.front().tls = model::ServerTls::postgres;
    builder.upstream[""] = policy_for("db.internal");
    Plane plane(std::move(builder));
    Peer client = plane.connect();
    client.send(cancel);
    CHECK(client.receive_all().empty());
    CHECK(eventually([&] { return cancelled == 1; }));
}

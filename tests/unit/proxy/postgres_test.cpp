// Postgres clients and servers that turn to TLS in the middle of a connection, and servers that
// speak first beside TLS.
#include "hello_builder.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <string>

using namespace mesh;
using namespace mesh::test;
using namespace std::string_literals;
using std::chrono::milliseconds;

namespace {

const std::string ask_tls = "\0\0\0\x08\x04\xd2\x16\x2f"s;
const std::string ask_gss = "\0\0\0\x08\x04\xd2\x16\x30"s;
const std::string cancel_query = "\0\0\0\x10\x04\xd2\x16\x2e\0\0\1\2\3\4\5\6"s;
const std::string begin_plain = "\0\0\0\x11\0\3\0\0user\0me\0\0"s;

/// As a Postgres client that has sent SSLRequest in pieces of `step` bytes, and was answered.
Peer asked(const Plane& plane, std::size_t step = 8) {
    Peer client = plane.connect();
    for (std::size_t i = 0; i < ask_tls.size(); i += step) client.send(ask_tls.substr(i, step));
    CHECK(client.receive(1) == "S");
    return client;
}

/// A server that says `answer` to what it is asked first, then what it was asked, and echoes.
Backend::Handler answering(std::string answer) {
    return [answer](Peer peer) {
        if (peer.receive(8) != ask_tls) return;
        peer.send(answer);
        Backend::echo(std::move(peer));
    };
}

std::string postgres_hello() {
    return std::string(as_text(a_client_hello().with_sni("db.example").build()));
}

/// Everything a client gets that says `bytes`.
std::string told(const Plane& plane, const std::string& bytes) {
    Peer client = plane.connect();
    client.send(bytes);
    return client.receive_all();
}

}  // namespace

TEST_CASE("postgres: SSLRequest in any split is answered S, then TLS is routed by its name",
          "[postgres]") {
    // P1, P5, X20
    Backend db(Backend::greeter("db"));
    Backend other(Backend::greeter("other"));
    Plane plane(PlaneBuilder()
                    .router("db", "HostSNI(`db.example`)", {db.port()})
                    .router("other", "HostSNI(`other.example`)", {other.port()}));
    plane.serve({"db.example"});
    for (const std::size_t step : {8U, 1U, 3U, 7U}) {
        TlsPeer client(asked(plane, step), {"db.example"});
        REQUIRE(client.handshake());
        CHECK(client.certificate_name() == "db.example");
        CHECK(client.receive(2) == "db");
        client.send(begin_plain);
        CHECK(client.receive(begin_plain.size()) == begin_plain);
    }
    CHECK(other.accepted() == 0);
}

TEST_CASE("postgres: a sole offer of postgresql is selected, behind SSLRequest and without it",
          "[postgres]") {
    // P13, P14
    Backend db(Backend::greeter("db"));
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}));
    plane.serve({"db.example"});
    TlsOptions options("db.example");
    options.alpn = {"postgresql"};
    TlsPeer asking(asked(plane), options);
    REQUIRE(asking.handshake());
    CHECK(asking.alpn() == "postgresql");
    TlsPeer direct(plane.connect(), options);
    REQUIRE(direct.handshake());
    CHECK(direct.alpn() == "postgresql");
    CHECK(direct.receive(2) == "db");
}

TEST_CASE("postgres: passed through, the server is asked as mesh was and gets the hello untouched",
          "[postgres]") {
    // P2
    Backend db(answering("S"));
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}, passthrough()));
    Peer client = asked(plane, 1);
    const std::string hello = postgres_hello();
    client.send(hello);
    CHECK(client.receive(hello.size()) == hello);
    client.send("more");
    CHECK(client.receive(4) == "more");
}

TEST_CASE("postgres: a server without TLS closes the client and is named, once a minute",
          "[postgres]") {
    // P9
    Backend db(answering("N"));
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}, passthrough()));
    for (int i = 0; i < 3; ++i) {
        Peer client = asked(plane);
        client.send(postgres_hello());
        CHECK(client.receive_all().empty());
    }
    CAPTURE(plane.log_text());
    CHECK(plane.logged({"WARN", "backend 127.0.0.1:", "has no TLS (ssl=off?)"}) == 1);
    CHECK(plane.logged({"cause=server", "the server has no TLS"}) == 3);
}

TEST_CASE("postgres: what a server says beside its one byte closes the client", "[postgres]") {
    // P10
    for (const std::string answer : {"Sinjected", "X"}) {
        Backend db(answering(answer));
        Plane plane(
            PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}, passthrough()));
        Peer client = asked(plane);
        client.send(postgres_hello());
        CHECK(client.receive_all().empty());
        CHECK(plane.logged({"cause=server", "oddly"}) == 1);
    }
}

TEST_CASE("postgres: a server that closes or says nothing when asked for TLS is passed over",
          "[postgres]") {
    // P11
    Backend closes([](Peer peer) { peer.receive(8); });
    Backend is_silent([](Peer peer) { peer.receive_all(); });
    Backend is_full(answering("Ecould not fork new process\n"));
    Backend good(answering("S"));
    PlaneBuilder builder;
    builder.limits.dial_timeout = milliseconds(3'000);  // the good one has no more either
    builder.limits.dial_servers_max = 4;
    builder.router("db",
                   "HostSNI(`db.example`)",
                   {closes.port(), is_silent.port(), is_full.port(), good.port()},
                   passthrough());
    Plane plane(builder);
    Peer client = asked(plane);
    const std::string hello = postgres_hello();
    client.send(hello);
    CHECK(client.receive(hello.size()) == hello);

    builder.router("db", "HostSNI(`db.example`)", {closes.port()}, passthrough());
    plane.apply(builder);
    Peer alone = asked(plane);
    alone.send(hello);
    CHECK(alone.receive_all().empty());
    CHECK(alone.ending() == Ending::reset);
}

TEST_CASE("postgres: bytes behind SSLRequest, and what is not TLS after it, close", "[postgres]") {
    // P3
    Backend db(Backend::echo);
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}));
    CHECK(told(plane, ask_tls + postgres_hello()).empty());
    CHECK(plane.logged({"cause=client", "bytes behind SSLRequest"}) == 1);
    Peer client = asked(plane);
    client.send(begin_plain);
    CHECK(client.receive_all().empty());
    CHECK(plane.logged({"cause=client", "asked for TLS and sent something else"}) == 1);
    CHECK(db.accepted() == 0);
}

TEST_CASE("postgres: who names no router behind SSLRequest gets an alert", "[postgres]") {
    // P4
    Backend db(Backend::echo);
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}));
    plane.serve({"db.example"});
    for (const std::string name : {"other.example", ""}) {
        TlsPeer client(asked(plane), {name});
        CHECK_FALSE(client.handshake());
        CHECK(client.alert() == unrecognized_name);
    }
}

TEST_CASE("postgres: clients without a server name reach the catch-all or the default name",
          "[postgres]") {
    Backend named(Backend::greeter("named"));
    Backend rest(Backend::greeter("rest."));
    PlaneBuilder builder;
    builder.router("named", "HostSNI(`db.example`)", {named.port()})
        .router("rest", "HostSNI(`*`)", {rest.port()});
    Plane plane(builder);
    plane.serve({"db.example"});
    plane.plane->set_default_credential(plane.world.credential());
    plane.settle();
    TlsPeer nameless(asked(plane), {""});
    REQUIRE(nameless.handshake());
    CHECK(nameless.receive(5) == "rest.");
    builder.configuration.entry_points.begin()->second.default_server_name =
        *Hostname::parse("db.example");
    plane.apply(builder);
    TlsPeer defaulted(asked(plane), {""});
    REQUIRE(defaulted.handshake());
    CHECK(defaulted.receive(5) == "named");
}

TEST_CASE("postgres: GSSENCRequest is answered N once, then TLS or plain", "[postgres]") {
    // P7
    Backend db(Backend::greeter("db"));
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}));
    plane.serve({"db.example"});
    Peer client = plane.connect();
    for (const char byte : ask_gss) client.send(std::string(1, byte));
    CHECK(client.receive(1) == "N");
    SECTION("then TLS") {
        client.send(ask_tls);
        CHECK(client.receive(1) == "S");
        TlsPeer secure(std::move(client), {"db.example"});
        REQUIRE(secure.handshake());
        CHECK(secure.receive(2) == "db");
    }
    SECTION("then in the clear") {
        client.send(begin_plain);
        CHECK(client.receive_all().find("TLS required: use sslmode=require") != std::string::npos);
        CHECK(client.ending() == Ending::orderly);
    }
    SECTION("twice") {
        client.send(ask_gss);
        CHECK(client.receive_all().empty());
        CHECK(plane.logged({"cause=client", "asks again"}) == 1);
    }
}

TEST_CASE("postgres: a client in the clear is told that TLS is required, and can read it",
          "[postgres]") {
    Backend db(Backend::echo);
    Plane plane(PlaneBuilder().router("db", "HostSNI(`db.example`)", {db.port()}));
    Peer client = plane.connect();
    // More than was asked for lies unread at the end, and must not reset what was said.
    client.send(begin_plain + std::string(100'000, 'x'));
    const std::string answer = client.receive_all();
    CHECK(answer.substr(0, 1) == "E");
    CHECK(answer.find("C28000"s + '\0') != std::string::npos);
    CHECK(client.ending() == Ending::orderly);
    CHECK(db.accepted() == 0);
}

TEST_CASE("postgres: beside a plain router startup goes there, and SSLRequest to TLS",
          "[postgres]") {
    // P7, X12
    Backend secure(Backend::greeter("S"));
    Backend open(Backend::echo);
    Plane plane(PlaneBuilder()
                    .router("s", "HostSNI(`db.example`)", {secure.port()})
                    .router("p", "HostSNI(`*`)", {open.port()}, plain()));
    plane.serve({"db.example"});
    Peer client = plane.connect();
    client.send(ask_gss);
    CHECK(client.receive(1) == "N");
    client.send(begin_plain);
    CHECK(client.receive(begin_plain.size()) == begin_plain);
    Peer stop = plane.connect();
    stop.send(cancel_query);
    CHECK(stop.receive(cancel_query.size()) == cancel_query);
    TlsPeer tls(asked(plane), {"db.example"});
    REQUIRE(tls.handshake());
    // What begins like Postgres and ends there is a plain router's.
    Peer brief = plane.connect();
    brief.send("\0\0\0"s);
    brief.finish_sending();
    CHECK(brief.receive_all() == "\0\0\0"s);
}

TEST_CASE("postgres: where no TLS router could take the client every byte passes untouched",
          "[postgres]") {
    // P15
    Backend open(Backend::echo);
    Backend office(Backend::echo);
    PlaneBuilder builder;
    builder.router("p", "HostSNI(`*`)", {open.port()}, plain());
    SECTION("there is none") {}
    SECTION("it is for others") {
        builder.router("s", "HostSNI(`db.example`) && ClientIP(`192.0.2.0/24`)", {office.port()});
    }
    SECTION("it is not looked for") {
        builder.router("s", "HostSNI(`db.example`)", {office.port()});
        builder.configuration.entry_points.begin()->second.detect.postgres = false;
    }
    Plane plane(builder);
    for (const std::string& bytes : {ask_tls, ask_gss, ask_tls + "more", cancel_query}) {
        Peer client = plane.connect();
        client.send(bytes);
        CHECK(client.receive(bytes.size()) == bytes);
    }
    CHECK(office.accepted() == 0);
}

TEST_CASE("postgres: silence in any phase ends at the one deadline", "[postgres]") {
    // P6, P12
    Backend db(Backend::echo);
    PlaneBuilder builder;
    builder.limits.handshake_timeout = milliseconds(3'000);  // each is answered within it
    builder.router("db", "HostSNI(`db.example`)", {db.port()});
    Plane plane(builder);
    Peer beginning = plane.connect();
    beginning.send("\0\0\0"s);
    Peer answered = asked(plane);
    Peer refused = plane.connect();
    refused.send(ask_gss);
    CHECK(refused.receive(1) == "N");
    Peer half = asked(plane);
    half.send(postgres_hello().substr(0, 30));
    for (Peer* peer : {&beginning, &answered, &refused, &half}) {
        CHECK(peer->receive_all().empty());
        CHECK(peer->ending() != Ending::none);
    }
    CHECK(plane.logged({"cause=timeout"}) == 4);
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("postgres: a cancel request reaches each server of the one service behind TLS",
          "[postgres]") {
    // P8
    std::atomic<int> got{0};
    const auto server = [&got](Peer peer) {
        if (peer.receive(cancel_query.size()) == cancel_query) ++got;
    };
    Backend one(server);
    Backend two(server);
    PlaneBuilder builder;
    builder.router("db", "HostSNI(`db.example`)", {one.port(), two.port(), closed_port()});
    SECTION("all routers lead there") {
        Plane plane(builder);
        // In pieces: the end comes when the servers have it.
        Peer client = plane.connect();
        client.send(cancel_query.substr(0, 11));
        client.send(cancel_query.substr(11));
        CHECK(client.receive_all().empty());
        CHECK(got == 2);
        CHECK(plane.logged({"cause=none", "a cancel request, passed on"}) == 1);
    }
    SECTION("and nobody is said to have it whom it did not reach") {
        builder.router("db", "HostSNI(`db.example`)", {closed_port()});
        Plane plane(builder);
        CHECK(told(plane, cancel_query).empty());
        CHECK(plane.logged({"cause=server", "a cancel request that no server could be sent"}) == 1);
    }
    SECTION("and are told who the client is") {
        // The first line, then the request itself.
        std::atomic<bool> right{false};
        Backend told_first([&right](Peer peer) {
            std::string line;
            while (line.find('\n') == std::string::npos && line.size() < 107)
                line += peer.receive(1);
            right = line.rfind("PROXY TCP4 127.0.0.1 127.0.0.1 ", 0) == 0 &&
                    peer.receive(cancel_query.size()) == cancel_query;
        });
        PlaneBuilder announced;
        announced.router("db", "HostSNI(`db.example`)", {told_first.port()});
        announced.configuration.services.at("db").proxy_protocol = model::ProxyVersion::v1;
        Plane plane(std::move(announced));
        Peer client = plane.connect();
        client.send(cancel_query);
        CHECK(client.receive_all().empty());
        CHECK(right);
    }
    SECTION("and where that is made of others, every server of theirs") {
        Backend plain_one(server);
        std::atomic<bool> right{false};
        Backend told_first([&right](Peer peer) {
            std::string line;
            while (line.find('\n') == std::string::npos && line.size() < 107)
                line += peer.receive(1);
            right = line.rfind("PROXY TCP4 ", 0) == 0 &&
                    peer.receive(cancel_query.size()) == cancel_query;
        });
        builder.servers("blue", {{"127.0.0.1", plain_one.port(), {}}});
        builder.servers("green", {{"127.0.0.1", told_first.port(), {}}});
        auto& services = builder.configuration.services;
        services.at("green").proxy_protocol = model::ProxyVersion::v1;
        services.at("db").servers.clear();
        services.at("db").services = {{{"blue", {}}, 0}, {{"green", {}}, 1}};
        Plane plane(builder);
        CHECK(told(plane, cancel_query).empty());
        CHECK(got == 1);
        CHECK(right);
    }
    SECTION("a middleware keeps the client out") {
        model::Middleware office;
        office.name = "office";
        office.source_range = {*IpNetwork::parse("192.0.2.0/24")};
        builder.configuration.middlewares.emplace("office", office);
        builder.configuration.routers.at("db").middlewares = {"office"};
        Plane plane(builder);
        CHECK(told(plane, cancel_query).empty());
        CHECK(one.accepted() + two.accepted() == 0);
    }
    SECTION("they lead to several services") {
        Backend other(server);
        builder.router("other", "HostSNI(`other.example`)", {other.port()});
        Plane plane(builder);
        CHECK(told(plane, cancel_query).empty());
        CHECK(one.accepted() + two.accepted() + other.accepted() == 0);
        CHECK(plane.logged({"INFO", "a cancel request was closed"}) == 1);
    }
    SECTION("a server that says nothing holds it no longer than a dial may take") {
        Backend stuck([](Peer peer) { peer.receive_all(); });
        builder.limits.dial_timeout = milliseconds(300);
        builder.limits.handshake_timeout = std::chrono::hours(1);
        builder.router("db", "HostSNI(`db.example`)", {stuck.port()});
        Plane plane(builder);
        CHECK(told(plane, cancel_query).empty());
        CHECK(eventually([&] { return plane.idle(); }));
    }
}

TEST_CASE("server first: a silent client is given to the plain router where that is wanted",
          "[postgres]") {
    // X11, X18
    Backend secure(Backend::greeter("S"));
    Backend mail(Backend::greeter("220 ready"));
    PlaneBuilder builder;
    builder.limits.handshake_timeout = milliseconds(4'000);
    builder.router("s", "HostSNI(`db.example`)", {secure.port()})
        .router("m", "HostSNI(`*`)", {mail.port()}, plain());
    model::EntryPoint& entry_point = builder.configuration.entry_points.begin()->second;
    entry_point.detect.server_first_timeout = milliseconds(100);
    Plane plane(builder);
    plane.serve({"db.example"});
    Peer silent = plane.connect();
    CHECK(silent.receive(9) == "220 ready");
    // Who has begun to speak is not one who waits for the server.
    Peer begun = plane.connect();
    begun.send(std::string(3, '\0'));
    CHECK(begun.receive_all().empty());
    CHECK(plane.logged({"cause=timeout"}) == 1);

    entry_point.detect.server_first_timeout.reset();
    plane.apply(builder);
    Peer waits = plane.connect();
    CHECK(waits.receive_all().empty());
}

TEST_CASE("server first: behind a proxy a client is silent from its header on", "[postgres]") {
    Backend secure(Backend::greeter("S"));
    Backend mail(Backend::greeter("220 ready"));
    PlaneBuilder builder;
    // Longer than a busy machine makes of the pauses between the steps below.
    builder.limits.proxy_header_wait = milliseconds(2'500);
    builder.limits.handshake_timeout = std::chrono::minutes(1);
    builder.router("s", "HostSNI(`db.example`)", {secure.port()})
        .router("m", "HostSNI(`*`)", {mail.port()}, plain());
    model::EntryPoint& entry_point = builder.configuration.entry_points.begin()->second;
    entry_point.detect.server_first_timeout = milliseconds(3'000);
    entry_point.proxy_protocol.insecure = true;
    Plane plane(builder);
    plane.serve({"db.example"});
    Peer late = plane.connect();
    Peer silent = plane.connect();
    late.send("PROXY ");
    CHECK(silent.receive(9) == "220 ready");  // so long has passed
    late.send("TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
    plane.settle();
    TlsPeer client(std::move(late), {"db.example"});
    REQUIRE(client.handshake());
    CHECK(client.receive(1) == "S");
}

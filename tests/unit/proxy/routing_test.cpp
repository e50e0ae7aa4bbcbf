// Which connection goes where: first bytes, server name, kind of router.
#include "hello_builder.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

using namespace mesh;
using namespace mesh::test;

namespace {

/// What arrived at a passthrough backend, as text.
std::string hello_of(std::string_view name) {
    return std::string(as_text(a_client_hello().with_sni(name).build()));
}

std::string ask(TlsPeer& peer) {
    if (!peer.handshake()) return "alert " + std::to_string(peer.alert());
    return peer.receive(1);
}

}  // namespace

TEST_CASE("routing: plain TCP passes untouched in both directions", "[routing]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*`)", {backend.port()}, plain()));

    Peer client = plane.connect();
    client.send("hello");
    CHECK(client.receive(5) == "hello");
    client.finish_sending();
    CHECK(client.receive_all().empty());
    CHECK(client.ending() == Ending::orderly);
    CHECK(eventually([&] { return plane.idle(); }));
}

TEST_CASE("routing: on an entry point without TLS the server may speak first", "[routing]") {
    // X7
    Backend backend(Backend::greeter("220 ready"));
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*`)", {backend.port()}, plain()));

    Peer client = plane.connect();
    CHECK(client.receive(9) == "220 ready");
}

TEST_CASE("routing: a passed-through hello arrives as it was sent", "[routing]") {
    Backend shop(Backend::echo);
    Backend rest(Backend::greeter("rest"));
    Plane plane(PlaneBuilder()
                    .router("shop", "HostSNI(`shop.example`)", {shop.port()}, passthrough())
                    .router("rest", "HostSNI(`*`)", {rest.port()}, passthrough()));

    const std::string hello = hello_of("Shop.Example.");
    Peer client = plane.connect();
    SECTION("in one piece") {
        client.send(hello);
    }
    SECTION("byte by byte") {
        for (const char byte : hello) client.send(std::string(1, byte));
    }
    SECTION("with more behind it") {
        client.send(hello + "early");
    }
    CHECK(client.receive(hello.size()) == hello);

    Peer other = plane.connect();
    other.send(hello_of("other.example"));
    CHECK(other.receive(4) == "rest");
}

TEST_CASE("routing: names, wildcards and the catch-all find their routers", "[routing]") {
    // X16
    Backend exact(Backend::greeter("exact"));
    Backend wild(Backend::greeter("wild."));
    Backend rest(Backend::greeter("rest."));
    Plane plane(PlaneBuilder()
                    .router("e", "HostSNI(`a.shop.example`)", {exact.port()}, passthrough())
                    .router("w", "HostSNI(`*.shop.example`)", {wild.port()}, passthrough())
                    .router("r", "HostSNI(`*`)", {rest.port()}, passthrough()));

    const auto answer = [&](const HelloBuilder& hello) {
        Peer client = plane.connect();
        client.send(as_text(hello.build()));
        return client.receive(5);
    };
    CHECK(answer(a_client_hello().with_sni("a.shop.example")) == "exact");
    CHECK(answer(a_client_hello().with_sni("A.SHOP.example.")) == "exact");
    CHECK(answer(a_client_hello().with_sni("b.shop.example")) == "wild.");
    CHECK(answer(a_client_hello().with_sni("a.b.shop.example")) == "rest.");
    CHECK(answer(a_client_hello().with_sni("shop.example")) == "rest.");
    CHECK(answer(a_client_hello().with_sni("192.0.2.1")) == "rest.");
    CHECK(answer(a_client_hello()) == "rest.");
}

TEST_CASE("routing: TLS and plain share an entry point", "[routing]") {
    Backend secure(Backend::greeter("S"));
    Backend open(Backend::greeter("P"));
    Plane plane(PlaneBuilder()
                    .router("s", "HostSNI(`shop.example`)", {secure.port()})
                    .router("p", "HostSNI(`*`)", {open.port()}, plain()));
    plane.serve({"shop.example"});

    TlsPeer known(plane.connect(), {"shop.example"});
    CHECK(ask(known) == "S");
    Peer bytes = plane.connect();
    bytes.send("GET / HTTP/1.0\r\n");
    CHECK(bytes.receive(17) == "PGET / HTTP/1.0\r\n");
    // TLS for nobody never falls to the plain router.
    TlsPeer unknown(plane.connect(), {"other.example"});
    CHECK(ask(unknown) == "alert 112");
    Peer ancient = plane.connect();
    ancient.send(std::string("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", 11) +
                 std::string(64, '\x05'));
    ancient.receive_all();
    CHECK(eventually([&] { return open.accepted() == 1; }));
}

TEST_CASE("routing: bytes that are not TLS are closed at once where only TLS is routed",
          "[routing]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("s", "HostSNI(`shop.example`)", {backend.port()});
    builder.limits.handshake_timeout = std::chrono::minutes(5);  // longer than a client here waits
    Plane plane(std::move(builder));

    Peer client = plane.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    CHECK(client.receive_all().empty());
    CHECK(client.ending() != Ending::none);
    CHECK(backend.accepted() == 0);
}

TEST_CASE("routing: who matches no router gets an alert and never a certificate", "[routing]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("s", "HostSNI(`shop.example`)", {backend.port()}));
    plane.serve({"shop.example", "*.example"});
    plane.plane->set_default_credential(plane.world.credential());
    plane.settle();

    for (const std::string name : {"shop.exampel", "", "other.example"}) {
        CAPTURE(name);
        TlsPeer client(plane.connect(), {name});
        CHECK_FALSE(client.handshake());
        CHECK(client.alert() == unrecognized_name);
        CHECK_FALSE(client.saw_certificate());
    }
    CAPTURE(plane.log_text());
    CHECK(plane.logged({"INFO", "server_name=shop.exampel", "nearest=shop.example"}) == 1);
    CHECK(backend.accepted() == 0);
}

TEST_CASE("routing: an unknown name is logged once a minute, however often it comes", "[routing]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("s", "HostSNI(`shop.example`)", {backend.port()}));

    for (int i = 0; i < 20; ++i) {
        TlsPeer client(plane.connect(), {"nobody.example"});
        CHECK_FALSE(client.handshake());
    }
    CHECK(plane.logged({"INFO", "no router matches", "nobody.example"}) == 1);
}

TEST_CASE("routing: what cannot be read gets the TLS library's alert", "[routing]") {
    // X19
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*`)", {backend.port()}, passthrough()));

    const auto answer_to = [&](const Bytes& bytes) {
        Peer client = plane.connect();
        client.send(as_text(bytes));
        const std::string answer = client.receive_all();
        CHECK(client.ending() == Ending::orderly);
        const bool is_alert = answer.size() == 7 && answer[0] == 21 && answer[5] == 2;
        return is_alert ? static_cast<int>(static_cast<unsigned char>(answer[6])) : -1;
    };
    CHECK(answer_to(a_client_hello().with_sni("a\r\nb").build()) == unrecognized_name);
    CHECK(answer_to(a_client_hello().with_sni({"shop.example\0x", 14}).build()) > 0);
    CHECK(answer_to(a_client_hello().with_extension(0, {0, 9, 0}).build()) > 0);
    CHECK(answer_to({0x16, 3, 1, 0x7f, 0xff, 1, 2, 3}) > 0);
    CHECK(backend.accepted() == 0);
}

TEST_CASE("routing: a reload routes new connections and leaves open ones alone", "[routing]") {
    Backend old_backend(Backend::greeter("old"));
    Backend new_backend(Backend::greeter("new"));
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {old_backend.port()}, plain());
    Plane plane(builder);

    Peer before = plane.connect();
    CHECK(before.receive(3) == "old");
    builder.router("r", "HostSNI(`*`)", {new_backend.port()}, plain());
    plane.apply(builder);
    Peer after = plane.connect();
    CHECK(after.receive(3) == "new");
    before.send("x");
    CHECK(before.receive(1) == "x");
}

TEST_CASE("routing: several workers and entry points each answer", "[routing]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    PlaneBuilder builder;
    builder.workers = 3;
    builder.router("a", "HostSNI(`*`)", {a.port()}, plain());
    builder.entry_point("b").router("b", "HostSNI(`*`)", {b.port()}, plain());
    Plane plane(std::move(builder));

    for (int i = 0; i < 30; ++i) {
        CHECK(plane.connect(0).receive(1) == "a");
        CHECK(plane.connect(1).receive(1) == "b");
    }
    CHECK(plane.plane->counters().accepted == 60);
    CHECK(eventually([&] { return plane.idle(); }));
}

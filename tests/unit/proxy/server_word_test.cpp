// What servers say of TLS when they were reached, or leave unsaid: who hears of it, and what it
// costs them.
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_backend.hpp"
#include "support/told_plane.hpp"

#include <chrono>
#include <string>

using namespace mesh;
using namespace mesh::test;
using Catch::Matchers::StartsWith;
using std::chrono::milliseconds;

namespace {

/// Wants a certificate of its client, which a client of TLS 1.3 hears after its handshake.
Backend::Handler refusing_clients() {
    tls::test::LeafOptions leaf;
    leaf.names = {"db.internal"};
    return [credential = servers_world().credential(leaf)](Peer peer) {
        const tls::SslContextPtr context = server_context(*credential);
        SSL_CTX_set_verify(
            context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        const tls::SslPtr ssl(SSL_new(context.get()));
        SSL_set_fd(ssl.get(), peer.fd());
        SSL_accept(ssl.get());
        peer.receive_all();  // closing on unread bytes would be a reset, which may overtake the
                             // alert
    };
}

void silent(Peer peer) {
    peer.receive_all();
}

/// The service "db" on an entry point of its own, in the clear to mesh.
PlaneBuilder secured_db(const std::vector<std::uint16_t>& ports, model::ServerTls tls) {
    PlaneBuilder builder;
    builder.router("db", "HostSNI(`*`)", ports, plain());
    for (model::Server& server : builder.configuration.services.at("db").servers) server.tls = tls;
    builder.upstream[""] = policy_for("db.internal");
    return builder;
}

void give_dial_timeout(PlaneBuilder& builder, milliseconds timeout) {
    builder.configuration.services.at("db").servers_transport = "quick";
    model::ServersTransport quick;
    quick.dial_timeout = timeout;
    builder.configuration.servers_transports["quick"] = quick;
    builder.upstream["quick"] = policy_for("db.internal");
}

const std::string stop_it("\0\0\0\x10\x04\xd2\x16\x2e\0\0\1\2\3\4\5\6", 16);

/// A route to which cancel requests belong.
PlaneBuilder cancellable_db(std::uint16_t port) {
    PlaneBuilder builder;
    builder.router("db", "HostSNI(`db.example`)", {port});
    builder.configuration.services.at("db").servers.front().tls = model::ServerTls::postgres;
    builder.upstream[""] = policy_for("db.internal");
    return builder;
}

void send_cancel(const Plane& plane) {
    Peer client = plane.connect();
    client.send(stop_it);
    CHECK(client.receive_all().empty());
    CHECK(client.ending() != Ending::none);
}

}  // namespace

TEST_CASE("server's word: one that refuses after the handshake is told of, and put out",
          "[upstream]") {
    Backend refuses(refusing_clients());
    Backend right(tls_echo("db.internal"));
    ToldPlane told(secured_db({refuses.port(), right.port()}, model::ServerTls::direct));
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
        Peer client = told.plane.connect();
        const bool is_refused = !reaches(client);
        client.close();
        Told line = told.next();
        refused += is_refused ? 1 : 0;
        CHECK((line["cause"] == "server") == is_refused);
        if (is_refused) CHECK_THAT(line["reason"], StartsWith("reset: TLS read failed: "));
        if (is_refused) CHECK_THAT(line["reason"], ContainsSubstring("certificate required"));
    }
    CHECK(refused == 3);
    const proxy::Counters counters = told.counters();
    CHECK(counters.ended[static_cast<std::size_t>(proxy::Cause::server)] == 3);
    CHECK(told.plane.logged({"WARN",
                             "a server refused a connection after the TLS handshake",
                             "service=db",
                             "certificate required"}) == 1);
    CHECK(told.plane.logged({"WARN backend_ejected",
                             "service=db",
                             "failures=3",
                             "certificate required",
                             "seconds=10"}) == 1);
    const auto& servers = told.plane.snapshot->services.at("db")->first->members;
    CHECK_THAT(servers.at(0).state->story.told().reason, ContainsSubstring("certificate required"));
    CHECK(told.plane.logged({"backend_up"}) == 0);
}

TEST_CASE("server's word: a broken close is told of, and held against nobody", "[upstream]") {
    Backend rude(in_tls("db.internal", [](SSL* ssl, Peer&) { SSL_write(ssl, "x", 1); }));
    ToldPlane told(secured_db({rude.port()}, model::ServerTls::direct));
    for (int i = 0; i < 4; ++i) {
        Peer client = told.plane.connect();
        CHECK(client.receive_all() == "x");
        CHECK(client.ending() == Ending::reset);
        Told line = told.next();
        CHECK(line["cause"] == "server");
        CHECK(line["reason"] == "reset: the server's bytes ended without a close_notify");
    }
    told.plane.settle();  // the record comes ahead of these lines
    CHECK(told.plane.logged({"WARN", "a server broke TLS off", "service=db", "close_notify"}) == 1);
    CHECK(told.plane.logged({"backend_ejected"}) == 0);
}

TEST_CASE("server's word: silence has its reason in the log", "[upstream]") {
    Backend db(silent);
    for (const auto tls : {model::ServerTls::direct, model::ServerTls::postgres}) {
        PlaneBuilder builder = secured_db({db.port()}, tls);
        give_dial_timeout(builder, milliseconds(200));
        Plane plane(std::move(builder));
        Peer client = plane.connect();
        CHECK(client.receive_all().empty());
        const std::string reason = tls == model::ServerTls::direct
                                       ? "reason=no TLS handshake in time"
                                       : "reason=no answer when asked for TLS";
        CHECK(plane.logged({"WARN", "no TLS with a server", "service=db", reason}) == 1);
        CHECK(plane.logged({"WARN backend_down", reason}) == 1);
    }
}

TEST_CASE("server's word: what one service hears hides nothing from another", "[upstream]") {
    Backend db(tls_echo("other.internal"));
    PlaneBuilder builder = secured_db({db.port()}, model::ServerTls::direct);
    builder.entry_point("second").router("copy", "HostSNI(`*`)", {db.port()}, plain());
    model::Service& copy = builder.configuration.services.at("copy");
    copy.servers.front().tls = model::ServerTls::direct;
    copy.servers_transport = "elsewhere";
    builder.configuration.servers_transports["elsewhere"] = model::ServersTransport();
    builder.upstream["elsewhere"] = policy_for("copy.internal");
    Plane plane(std::move(builder));
    for (int i = 0; i < 4; ++i) CHECK(plane.connect(i % 2).receive_all().empty());
    CHECK(plane.logged({"no TLS with a server", "service=db", "expected=db.internal"}) == 1);
    CHECK(plane.logged({"no TLS with a server", "service=copy", "expected=copy.internal"}) == 1);
}

TEST_CASE("server's word: why a cancel request did not reach it is told", "[upstream]") {
    Backend clear(after_asking(Backend::echo, "N"));
    Plane without(cancellable_db(clear.port()));
    send_cancel(without);
    CHECK(without.logged({"WARN", "no TLS with a server", "service=db", "it has no TLS"}) == 1);

    Backend other(after_asking(tls_echo("other.internal")));
    Plane wrong(cancellable_db(other.port()));
    send_cancel(wrong);
    CHECK(wrong.logged({"WARN", "no TLS with a server", "hostname mismatch"}) == 1);
}

TEST_CASE("server's word: a cancel request waits as long for it as a dial does", "[upstream]") {
    Backend db(silent);
    PlaneBuilder builder = cancellable_db(db.port());
    give_dial_timeout(builder, milliseconds(200));
    // Longer than a client here waits.
    builder.limits.handshake_timeout = builder.limits.dial_timeout = std::chrono::minutes(5);
    Plane plane(std::move(builder));
    send_cancel(plane);
    CHECK(plane.logged({"WARN", "no TLS with a server", "no answer when asked for TLS"}) == 1);
}

// TLS that ends here: certificates, policies, and no backend before the handshake.
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <future>

using namespace mesh;
using namespace mesh::test;

namespace {

constexpr int no_application_protocol = 120;
constexpr int certificate_required = 116;
constexpr int protocol_version = 70;

}  // namespace

TEST_CASE("terminate: the server gets plain bytes and the client the right certificate",
          "[terminate]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*.example`)", {backend.port()}));
    plane.serve({"shop.example"});
    plane.serve({"mail.example", "imap.example"});

    for (const std::string name : {"shop.example", "mail.example"}) {
        TlsPeer client(plane.connect(), {name});
        REQUIRE(client.handshake());
        CHECK(client.certificate_name() == name);
        client.send("hello");
        CHECK(client.receive(5) == "hello");
    }
    CHECK(plane.plane->counters().handshakes == 2);
}

TEST_CASE("terminate: TLS 1.2 and 1.3 both relay", "[terminate]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("r", "HostSNI(`shop.example`)", {backend.port()}));
    plane.serve({"shop.example"});

    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        TlsOptions options;
        options.min_version = options.max_version = version;
        TlsPeer client(plane.connect(), options);
        REQUIRE(client.handshake());
        const std::string bytes = pattern(40'000, 1);
        client.send(bytes);
        CHECK(client.receive(bytes.size()) == bytes);
    }
}

TEST_CASE("terminate: no backend hears of a client before its handshake is complete",
          "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`shop.example`)", {backend.port()}, with_options("mutual"));
    builder.options("mutual").client_auth.type =
        model::ClientAuthType::require_and_verify_client_cert;
    tls::test::World world;
    builder.client_ca_pem["mutual"] = world.root.certificate_pem();
    Plane plane(std::move(builder));
    plane.serve({"shop.example"});

    TlsOptions without;
    without.max_version = TLS1_3_VERSION;
    TlsPeer stranger(plane.connect(), without);
    stranger.handshake();
    stranger.receive(1);
    CHECK(stranger.alert() == certificate_required);
    CHECK(backend.accepted() == 0);

    tls::test::LeafOptions leaf;
    leaf.for_clients = true;
    const auto credential = world.credential(leaf);
    TlsOptions with;
    with.certificate = credential.get();
    TlsPeer friendly(plane.connect(), with);
    REQUIRE(friendly.handshake());
    friendly.send("x");
    CHECK(friendly.receive(1) == "x");
    CHECK(backend.accepted() == 1);
}

TEST_CASE("terminate: what is missing is refused or answered with the default", "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("managed", "HostSNI(`managed.example`)", {backend.port()}, with_resolver());
    builder.router("own", "HostSNI(`own.example`)", {backend.port()});
    builder.router("strict", "HostSNI(`strict.example`)", {backend.port()}, with_options("strict"));
    builder.options("strict").sni_strict = true;
    auto lenient = with_resolver();
    lenient.options = "lenient";
    builder.router("lenient", "HostSNI(`lenient.example`)", {backend.port()}, lenient);
    builder.options("lenient").on_missing_certificate = model::OnMissingCertificate::use_default;
    Plane plane(std::move(builder));
    const auto fallback = tls::make_default_credential(tls::test::wall_now());
    plane.plane->set_default_credential(*fallback);
    plane.settle();

    const auto answer = [&](const std::string& name) {
        TlsPeer client(plane.connect(), {name});
        return client.handshake() ? client.certificate_name()
                                  : "alert " + std::to_string(client.alert());
    };
    for (int i = 0; i < 5; ++i) CHECK(answer("managed.example") == "alert 112");
    CHECK(answer("own.example") == "mesh.default.invalid");
    CHECK(answer("strict.example") == "alert 112");
    CHECK(answer("lenient.example") == "mesh.default.invalid");
    // Reported once, for the names that somebody is to get a certificate for.
    const std::lock_guard lock(plane.missing_mutex);
    CHECK(plane.missing == std::vector<std::string>{"managed.example"});
}

TEST_CASE("terminate: a catch-all router serves clients without a name by its options",
          "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()});
    Plane plane(std::move(builder));
    plane.plane->set_default_credential(*tls::make_default_credential(tls::test::wall_now()));
    plane.settle();

    TlsPeer nameless(plane.connect(), {""});
    REQUIRE(nameless.handshake());
    CHECK(nameless.certificate_name() == "mesh.default.invalid");
}

TEST_CASE("terminate: a cold certificate is awaited, and the others are not", "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*.example`)", {backend.port()});
    tls::test::World world;
    std::promise<void> may_read;
    auto reading = may_read.get_future().share();
    std::atomic<int> reads{0};
    builder.load_credential = [&](const certs::CertificateEntry& entry) {
        ++reads;
        reading.wait();
        tls::test::LeafOptions leaf;
        leaf.names = {entry.names.front().text()};
        return Result<certs::CredentialPtr>(world.credential(leaf));
    };
    Plane plane(std::move(builder));
    plane.announce({"cold.example"}, 7);
    plane.serve({"warm.example"});

    std::vector<std::future<std::string>> cold;
    for (int i = 0; i < 8; ++i) {
        cold.push_back(std::async(std::launch::async, [&] {
            TlsPeer client(plane.connect(), {"cold.example"});
            return client.handshake() ? client.certificate_name() : "failed";
        }));
    }
    CHECK(eventually([&] { return reads == 1 && plane.plane->counters().open == 8; }));
    for (int i = 0; i < 5; ++i) {
        TlsPeer client(plane.connect(), {"warm.example"});
        CHECK(client.handshake());
    }
    may_read.set_value();
    for (auto& one : cold) CHECK(one.get() == "cold.example");
    CHECK(reads == 1);
}

TEST_CASE("terminate: a certificate that cannot be read is no certificate", "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*.example`)", {backend.port()}, with_resolver());
    builder.load_credential = [](const certs::CertificateEntry&) -> Result<certs::CredentialPtr> {
        return Error{Errc::io, mesh::Origin::internal, "no such row"};
    };
    Plane plane(std::move(builder));
    plane.announce({"cold.example"}, 7);

    TlsPeer client(plane.connect(), {"cold.example"});
    CHECK_FALSE(client.handshake());
    CHECK(client.alert() == unrecognized_name);
}

TEST_CASE("terminate: a swap shows the new certificate and leaves open connections alone",
          "[terminate]") {
    Backend backend(Backend::echo);
    Plane plane(PlaneBuilder().router("r", "HostSNI(`*.example`)", {backend.port()}));
    plane.serve({"a.example", "shop.example"}, "", 5);
    TlsPeer before(plane.connect(), {"shop.example"});
    REQUIRE(before.handshake());
    CHECK(before.certificate_name() == "a.example");

    plane.serve({"b.example", "shop.example"}, "", 5);
    TlsPeer after(plane.connect(), {"shop.example"});
    REQUIRE(after.handshake());
    CHECK(after.certificate_name() == "b.example");
    before.send("x");
    CHECK(before.receive(1) == "x");

    plane.plane->remove_certificate(5);
    plane.settle();
    TlsPeer gone(plane.connect(), {"shop.example"});
    CHECK_FALSE(gone.handshake());
}

TEST_CASE("terminate: each router has its own options", "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("new", "HostSNI(`new.example`)", {backend.port()}, with_options("new"));
    builder.router("any", "HostSNI(`any.example`)", {backend.port()});
    builder.router("h2", "HostSNI(`h2.example`)", {backend.port()}, with_options("h2"));
    builder.options("new").min_version = model::TlsVersion::tls13;
    builder.options("h2").alpn_protocols = {"h2"};
    Plane plane(std::move(builder));
    plane.serve({"new.example", "any.example", "h2.example"});

    TlsOptions old("new.example");
    old.max_version = TLS1_2_VERSION;
    TlsPeer refused(plane.connect(), old);
    CHECK_FALSE(refused.handshake());
    CHECK(refused.alert() == protocol_version);
    old.name = "any.example";
    TlsPeer accepted(plane.connect(), old);
    CHECK(accepted.handshake());

    TlsOptions protocols("h2.example");
    protocols.alpn = {"http/1.1"};
    TlsPeer other_protocol(plane.connect(), protocols);
    CHECK_FALSE(other_protocol.handshake());
    CHECK(other_protocol.alert() == no_application_protocol);
    protocols.alpn = {"http/1.1", "h2"};
    TlsPeer same_protocol(plane.connect(), protocols);
    CHECK(same_protocol.handshake());
    CHECK(same_protocol.alpn() == "h2");
    protocols.name = "any.example";
    TlsPeer none_selected(plane.connect(), protocols);
    CHECK(none_selected.handshake());
    CHECK(none_selected.alpn().empty());
}

TEST_CASE("terminate: a reload changes the options of new connections", "[terminate]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`shop.example`)", {backend.port()});
    Plane plane(builder);
    plane.serve({"shop.example"});
    TlsOptions old;
    old.max_version = TLS1_2_VERSION;
    TlsPeer before(plane.connect(), old);
    CHECK(before.handshake());

    builder.options("default").min_version = model::TlsVersion::tls13;
    plane.apply(builder);
    TlsPeer after(plane.connect(), old);
    CHECK_FALSE(after.handshake());
    before.send("x");
    CHECK(before.receive(1) == "x");
}

// Ways around a client certificate. A guarded name stands among routers that take anybody; whoever
// reaches its server without a certificate has found one.
#include "hello_builder.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <algorithm>

using namespace mesh;
using namespace mesh::test;

namespace {

constexpr int illegal_parameter = 47;
constexpr int both_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

using TicketPtr = std::unique_ptr<SSL_SESSION, tls::Freed<SSL_SESSION_free>>;

/// A connection that fails, or just ends, makes its session one that no client shows again: so each
/// has one of its own.
TicketPtr copy_of(SSL_SESSION* session) {
    return TicketPtr(SSL_SESSION_dup(session));
}

class Guarded {
 public:
    Guarded() {
        builder.router("all", "HostSNI(`*`)", {open.port()});
        builder.router("names", "HostSNI(`*.example`)", {open.port()});
        builder.router("guarded", "HostSNI(`secret.example`)", {secret.port()}, guarded());
        builder.router("plain", "HostSNI(`*`)", {open.port()}, plain());
        builder.configuration.routers.at("plain").priority = -5;
        builder.options("mutual").client_auth.type =
            model::ClientAuthType::require_and_verify_client_cert;
        builder.client_ca_pem["mutual"] = clients.root.certificate_pem();
    }
    static RouterOptions guarded() { return with_options("mutual"); }

    void start() {
        plane = std::make_unique<Plane>(builder);
        plane->serve({"secret.example", "public.example", "*.secret.example"});
        plane->plane->set_default_credential(*tls::make_default_credential(tls::test::wall_now()));
        plane->settle();
    }

    /// "secret", "open" or "refused": who the client has reached.
    std::string reached(const TlsOptions& options) {
        TlsPeer client(plane->connect(), options);
        return client.handshake() ? greeting(client) : "refused";
    }
    std::string reached(const TlsOptions& options,
                        const std::function<Bytes(int flight, Bytes)>& change) {
        TlsPeer client(plane->connect(), options);
        const std::string who = client.handshake(change) ? greeting(client) : "refused";
        last_alert = client.alert();
        return who;
    }
    /// What the client could resume from. It has read something, or TLS 1.3 had no ticket yet.
    TicketPtr ticket(const TlsOptions& options) {
        TlsPeer client(plane->connect(), options);
        if (!client.handshake() || greeting(client) == "refused") return nullptr;
        return copy_of(SSL_get_session(client.native()));
    }
    /// As reached(), and whether the ticket was taken.
    std::pair<std::string, bool> resumed(TlsOptions options, const TicketPtr& ticket) {
        const TicketPtr shown = copy_of(ticket.get());
        options.resume = shown.get();
        TlsPeer client(plane->connect(), options);
        const std::string who = client.handshake() ? greeting(client) : "refused";
        return {who, SSL_session_reused(client.native()) == 1 && who != "refused"};
    }

    static std::string greeting(TlsPeer& client) {
        // A TLS 1.3 server judges the certificate after the client has finished.
        const std::string first = client.receive(1);
        return first == "s" ? "secret" : first == "o" ? "open" : "refused";
    }

    tls::test::World clients;
    std::shared_ptr<const tls::Credential> certificate = [this] {
        tls::test::LeafOptions leaf;
        leaf.for_clients = true;
        return clients.credential(leaf);
    }();
    Backend secret{Backend::greeter("secret")};
    Backend open{Backend::greeter("open")};
    PlaneBuilder builder;
    std::unique_ptr<Plane> plane;
    int last_alert = -1;
};

TlsOptions visiting(const std::string& name,
                    int version,
                    const std::shared_ptr<const tls::Credential>& certificate = nullptr) {
    TlsOptions options(name);
    options.min_version = options.max_version = version;
    options.certificate = certificate.get();
    return options;
}

/// The handshake messages of records, without their headers.
Bytes payload_of(ByteView records) {
    Bytes out;
    while (records.size() >= 5) {
        const std::size_t size = static_cast<std::size_t>(records[3]) << 8U | records[4];
        const ByteView payload = records.subspan(5, size);
        out.insert(out.end(), payload.begin(), payload.end());
        records = records.subspan(5 + size);
    }
    return out;
}

Bytes replaced(Bytes bytes, std::string_view from, std::string_view to) {
    REQUIRE(from.size() == to.size());
    const auto at = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
    REQUIRE(at != bytes.end());
    std::copy(to.begin(), to.end(), at);
    return bytes;
}

}  // namespace

TEST_CASE("bypass: however the name is spelled, its route is found", "[bypass]") {
    Guarded site;
    site.start();
    for (const int version : both_versions)
        for (const char* const name : {"secret.example",
                                       "SECRET.EXAMPLE",
                                       "Secret.Example",
                                       "secret.example.",
                                       "SeCrEt.ExAmPlE."}) {
            CAPTURE(version, name);
            CHECK(site.reached(visiting(name, version)) == "refused");
            CHECK(site.reached(visiting(name, version, site.certificate)) == "secret");
        }
    CHECK(site.secret.accepted() == 10);
    CHECK(site.open.accepted() == 0);
}

TEST_CASE("bypass: a name that is none reaches nobody, or whoever takes clients without one",
          "[bypass]") {
    Guarded site;
    site.start();
    for (const int version : both_versions) {
        CHECK(site.reached(visiting("", version)) == "open");
        CHECK(site.reached(visiting("192.0.2.1", version)) == "open");
        CHECK(site.reached(visiting("secret.example..", version)) == "refused");
        CHECK(site.reached(visiting("secret.example:443", version)) == "refused");
        CHECK(site.reached(visiting(" secret.example", version)) == "refused");
        const auto with_nul = [](int, Bytes flight) {
            return replaced(
                std::move(flight), "secret.example", std::string_view("secret\0example", 14));
        };
        CHECK(site.reached(visiting("secret.example", version), [&](int flight, Bytes bytes) {
            return flight == 0 ? with_nul(flight, std::move(bytes)) : bytes;
        }) == "refused");
    }
    CHECK(site.secret.accepted() == 0);
}

TEST_CASE("bypass: a hello in pieces is the same hello", "[bypass]") {
    Guarded site;
    site.start();
    for (const int version : both_versions)
        for (const std::size_t piece : {1, 5, 16, 64, 200}) {
            CAPTURE(version, piece);
            std::size_t records = 0;  // a hello with a post-quantum share takes many
            const auto in_pieces = [&](int flight, Bytes bytes) {
                if (flight != 0) return bytes;
                const auto payload = payload_of(bytes);
                records = (payload.size() + piece - 1) / piece;
                return HelloBuilder::in_records(payload, piece);
            };
            CHECK(site.reached(visiting("secret.example", version), in_pieces) == "refused");
            // More than 64 records are refused, whoever sends them.
            const std::string secret =
                site.reached(visiting("secret.example", version, site.certificate), in_pieces);
            CHECK(secret == (records <= 64 ? "secret" : "refused"));
            const std::string open = site.reached(visiting("public.example", version), in_pieces);
            CHECK(open == (records <= 64 ? "open" : "refused"));
        }
}

TEST_CASE("bypass: what cannot be read is not a client without a name", "[bypass]") {
    Guarded site;
    site.start();
    const auto send = [&](Bytes hello) {
        Peer client = site.plane->connect();
        client.send(as_text(hello));
        client.finish_sending();  // some would be waited for
        client.receive_all();
    };
    send(a_client_hello().with_sni_entries({{0, "secret.example"}, {0, "public.example"}}).build());
    send(a_client_hello().with_sni("public.example").with_sni("secret.example").build());
    send(a_client_hello().with_sni_entries({{1, "secret.example"}}).build());
    send(a_client_hello().with_sni(std::string(300, 'a')).build());
    send(a_client_hello().with_sni("").build());
    send(a_client_hello().with_extension(0, Bytes{0, 5, 0}).build());
    send(Bytes{0x16, 3, 1, 0, 0});
    send(Bytes{0x16, 3, 1, 0x48, 1});                          // longer than any record
    send(Bytes{0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10});  // SSLv2
    CHECK(site.secret.accepted() == 0);
    CHECK(site.open.accepted() == 0);
}

TEST_CASE("bypass: a ticket of another route is worth nothing", "[bypass]") {
    Guarded site;
    site.start();
    for (const int version : both_versions) {
        CAPTURE(version);
        const TicketPtr of_open = site.ticket(visiting("public.example", version));
        REQUIRE(of_open);
        CHECK(site.resumed(visiting("secret.example", version), of_open) ==
              std::pair<std::string, bool>("refused", false));
        CHECK(site.resumed(visiting("SECRET.example.", version), of_open).first == "refused");
        // It works where it comes from, and with a certificate the guarded route does as always.
        CHECK(site.resumed(visiting("public.example", version), of_open) ==
              std::pair<std::string, bool>("open", true));
        CHECK(site.resumed(visiting("secret.example", version, site.certificate), of_open) ==
              std::pair<std::string, bool>("secret", false));
    }
}

TEST_CASE("bypass: a ticket of the guarded route is good there, and nowhere else", "[bypass]") {
    Guarded site;
    site.start();
    for (const int version : both_versions) {
        CAPTURE(version);
        const auto known = visiting("secret.example", version, site.certificate);
        const TicketPtr ticket = site.ticket(known);
        REQUIRE(ticket);
        CHECK(site.resumed(visiting("public.example", version), ticket) ==
              std::pair<std::string, bool>("open", false));
        CHECK(site.resumed(known, ticket) == std::pair<std::string, bool>("secret", true));
    }
}

TEST_CASE("bypass: after the CAs have changed no older ticket is taken", "[bypass]") {
    Guarded site;
    const tls::test::World others;
    for (const bool kept_beside : {true, false}) {
        site.builder.client_ca_pem["mutual"] = site.clients.root.certificate_pem();
        site.start();
        for (const int version : both_versions) {
            CAPTURE(kept_beside, version);
            site.builder.client_ca_pem["mutual"] = site.clients.root.certificate_pem();
            site.plane->apply(site.builder);
            const auto known = visiting("secret.example", version, site.certificate);
            const TicketPtr ticket = site.ticket(known);
            REQUIRE(ticket);
            site.builder.client_ca_pem["mutual"] =
                others.root.certificate_pem() +
                (kept_beside ? site.clients.root.certificate_pem() : "");
            site.plane->apply(site.builder);
            CHECK(site.resumed(known, ticket) ==
                  std::pair<std::string, bool>(kept_beside ? "secret" : "refused", false));
            CHECK(site.resumed(visiting("secret.example", version), ticket).first == "refused");
        }
    }
}

TEST_CASE("bypass: a ticket from before a certificate was asked for is worth nothing after",
          "[bypass]") {
    Guarded site;
    for (const int version : both_versions) {
        CAPTURE(version);
        auto& type = site.builder.options("mutual").client_auth.type;
        type = model::ClientAuthType::no_client_cert;
        site.start();
        const TicketPtr ticket = site.ticket(visiting("secret.example", version));
        REQUIRE(ticket);
        const auto refused = std::pair<std::string, bool>("refused", false);
        for (const auto strict : {model::ClientAuthType::require_any_client_cert,
                                  model::ClientAuthType::require_and_verify_client_cert}) {
            type = strict;
            site.plane->apply(site.builder);
            CHECK(site.resumed(visiting("secret.example", version), ticket) == refused);
        }
        type = model::ClientAuthType::verify_client_cert_if_given;
        site.plane->apply(site.builder);
        CHECK_FALSE(site.resumed(visiting("secret.example", version), ticket).second);
        type = model::ClientAuthType::require_and_verify_client_cert;
    }
}

TEST_CASE("bypass: no protocol that a client offers spares it the certificate", "[bypass]") {
    Guarded site;
    site.start();
    for (const int version : both_versions)
        for (const auto& alpn : std::vector<std::vector<std::string>>{{"h2"},
                                                                      {"acme-tls/1"},
                                                                      {"acme-tls/1", "h2"},
                                                                      {"h2", "acme-tls/1"},
                                                                      {"postgresql"},
                                                                      {std::string(255, 'x')}}) {
            TlsOptions options = visiting("secret.example", version);
            options.alpn = alpn;
            CHECK(site.reached(options) == "refused");
        }
    CHECK(site.secret.accepted() == 0);
    CHECK(site.open.accepted() == 0);
}

TEST_CASE("bypass: a validation is answered without a certificate, and reaches nothing else",
          "[bypass]") {
    Guarded site;
    site.start();
    site.plane->put_challenge("secret.example", "token.thumbprint");
    for (const int version : both_versions) {
        TlsOptions options = visiting("secret.example", version);
        options.alpn = {"acme-tls/1"};
        TlsPeer validator(site.plane->connect(), options);
        REQUIRE(validator.handshake());
        validator.send("GET / HTTP/1.0\r\n\r\n");
        CHECK(validator.receive_all().empty());
        const TicketPtr session = copy_of(SSL_get_session(validator.native()));
        CHECK_FALSE(SSL_SESSION_has_ticket(session.get()));
        CHECK(site.resumed(visiting("secret.example", version), session).first == "refused");
        options.alpn = {"acme-tls/1", "h2"};
        CHECK(site.reached(options) == "refused");
    }
    CHECK(site.secret.accepted() == 0);
}

TEST_CASE("bypass: the second hello of a HelloRetryRequest cannot name another", "[bypass]") {
    Guarded site;
    site.start();
    TlsOptions options("secret.example");
    options.min_version = TLS1_3_VERSION;
    options.groups = "P-521:P-256";  // its share is of a group that is not taken
    const auto renaming = [](std::string_view from, std::string_view to) {
        return [=](int flight, Bytes bytes) {
            return flight == 1 ? replaced(std::move(bytes), from, to) : bytes;
        };
    };
    const auto unchanged = [](int, Bytes bytes) { return bytes; };
    CHECK(site.reached(options, renaming("secret.example", "public.example")) == "refused");
    CHECK(site.last_alert == illegal_parameter);
    options.name = "public.example";
    CHECK(site.reached(options, renaming("public.example", "secret.example")) == "refused");
    CHECK(site.last_alert == illegal_parameter);
    CHECK(site.reached(options, unchanged) == "open");
    CHECK(site.secret.accepted() == 0);
    CHECK(site.open.accepted() == 1);
}

TEST_CASE("bypass: a guarded wildcard guards each name under it", "[bypass]") {
    Guarded site;
    site.builder.router(
        "below", "HostSNI(`*.secret.example`)", {site.secret.port()}, Guarded::guarded());
    site.start();
    for (const int version : both_versions) {
        for (const char* const name : {"a.secret.example", "A.Secret.Example.", "*.secret.example"})
            CHECK(site.reached(visiting(name, version)) == "refused");
        CHECK(site.reached(visiting("a.secret.example", version, site.certificate)) == "secret");
        CHECK(site.reached(visiting("b.a.secret.example", version)) == "open");
    }
    CHECK(site.secret.accepted() == 2);
}

TEST_CASE("bypass: of two routers with options of their own for one name the rank decides",
          "[bypass]") {
    Guarded site;
    site.builder.router("lax", "HostSNI(`secret.example`)", {site.open.port()});
    auto& routers = site.builder.configuration.routers;
    routers.at("guarded").priority = 100;
    routers.at("lax").priority = 99;
    site.start();
    for (const int version : both_versions) {
        CHECK(site.reached(visiting("secret.example", version)) == "refused");
        CHECK(site.reached(visiting("secret.example", version, site.certificate)) == "secret");
    }
    const TicketPtr ticket =
        site.ticket(visiting("secret.example", TLS1_3_VERSION, site.certificate));
    routers.at("lax").priority = 101;
    site.plane->apply(site.builder);
    for (const int version : both_versions)
        CHECK(site.reached(visiting("secret.example", version)) == "open");
    CHECK(site.resumed(visiting("secret.example", TLS1_3_VERSION), ticket) ==
          std::pair<std::string, bool>("open", false));
}

TEST_CASE("bypass: a client without a name is who its entry point says, certificate included",
          "[bypass]") {
    Guarded site;
    site.builder.configuration.entry_points.at("a").default_server_name =
        *Hostname::parse("secret.example");
    site.start();
    for (const int version : both_versions) {
        CHECK(site.reached(visiting("", version)) == "refused");
        CHECK(site.reached(visiting("192.0.2.1", version)) == "refused");
        CHECK(site.reached(visiting("", version, site.certificate)) == "secret");
        CHECK(site.reached(visiting("public.example", version)) == "open");
    }
}

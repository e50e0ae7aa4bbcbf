// mesh as the client of a server: real handshakes in memory.
#include "setup.hpp"
#include "tls/upstream_policy.hpp"

#include <iostream>
#include <malloc.h>

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

/// The client's end of a link.
class Reverse final : public Transport {
 public:
    explicit Reverse(Link& link) : link_(link) {}
    Transfer receive(std::span<std::uint8_t> into) override {
        const std::size_t count = link_.to_client.take(into);
        if (count > 0) return {Outcome::ok, count};
        return {link_.to_client.ended() ? Outcome::closed : Outcome::would_block, 0};
    }
    Transfer send(ByteView bytes) override {
        link_.to_server.put(bytes);
        return {Outcome::ok, bytes.size()};
    }

 private:
    Link& link_;
};

std::shared_ptr<const Roots> roots_of(const Party& root) {
    auto roots = Roots::from_pem(root.certificate_pem());
    REQUIRE(roots.has_value());
    return *roots;
}

UpstreamSettings trusting(const Party& root) {
    UpstreamSettings settings;
    settings.roots = roots_of(root);
    return settings;
}

UpstreamPolicyPtr upstream_policy(const UpstreamSettings& settings) {
    auto policy = UpstreamPolicy::make(settings);
    REQUIRE(policy.has_value());
    return *policy;
}

/// A server's session and mesh's towards it, with the wire between them.
struct Upstream {
    Link link;
    Reverse reverse{link};
    std::unique_ptr<Session> server;
    std::unique_ptr<Session> mesh;
    Progress server_says = Progress::want_read;
    Progress mesh_says = Progress::want_read;

    Upstream(const UpstreamSettings& settings,
             std::string_view host,
             const std::shared_ptr<const Credential>& credential,
             const PolicySettings& server_settings = {}) {
        const UpstreamPolicyPtr policy = upstream_policy(settings);
        auto connecting = Session::connect(*policy, host, reverse);
        REQUIRE(connecting.has_value());
        mesh = std::move(*connecting);
        const auto server_policy = make_policy(server_settings);
        ExpectedHello expected;
        const std::string_view name = policy->expected_name(host);
        if (name.find_first_not_of("0123456789abcdef.:") != std::string_view::npos)
            expected.server_name = std::string(name);
        auto accepting = Session::accept(*server_policy, credential, expected, link);
        REQUIRE(accepting.has_value());
        server = std::move(*accepting);
    }

    bool meet() {
        for (int turn = 0; turn < 100; ++turn) {
            mesh_says = mesh->handshake();
            server_says = server->handshake();
            if (mesh_says == Progress::failed || mesh_says == Progress::truncated) break;
        }
        return mesh_says == Progress::done && server_says == Progress::done;
    }
    [[nodiscard]] std::string why() const { return mesh->failure().message; }
};

/// A server that is not mesh's, and does what that one never would.
class Stranger {
 public:
    explicit Stranger(std::size_t tickets) : context_(SSL_CTX_new(TLS_server_method())) {
        const auto& credential = the_credential();
        REQUIRE(SSL_CTX_use_cert_and_key(context_.get(),
                                         credential->chain().native().front().get(),
                                         credential->key().native(),
                                         credential->chain().native_issuers(),
                                         1) == 1);
        REQUIRE(SSL_CTX_set_num_tickets(context_.get(), tickets) == 1);
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(ssl_.get());
    }

    /// True once the handshake is over; the tickets are on their way then.
    bool meet(Session& mesh, Link& link) {
        for (int turn = 0; turn < 10; ++turn) {
            static_cast<void>(mesh.handshake());
            const Bytes bytes = link.to_server.all();
            link.to_server.clear();
            BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
            const int done = SSL_do_handshake(ssl_.get());
            send(link);
            if (done == 1) return mesh.handshake() == Progress::done;
        }
        return false;
    }
    void write(Link& link, std::string_view text) {
        REQUIRE(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0);
        send(link);
    }

 private:
    void send(Link& link) {
        Bytes bytes(64 * 1024);
        int count = 0;
        while ((count = BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), 64 * 1024)) > 0)
            link.to_client.put(ByteView(bytes).first(static_cast<std::size_t>(count)));
    }

    SslContextPtr context_;
    SslPtr ssl_;
};

std::pair<std::string, Progress> all_of(Session& session) {
    std::string text;
    Bytes into(32 * 1024);
    std::size_t count = 0;
    Progress progress = Progress::done;
    while ((progress = session.read(into, count)) == Progress::done)
        text += as_text(ByteView(into).first(count));
    return {text, progress};
}

PolicySettings asking_for_certificates(ClientAuth auth) {
    PolicySettings settings;
    settings.client_auth = auth;
    settings.client_ca_pem = the_world().root.certificate_pem();
    return settings;
}

}  // namespace

TEST_CASE("upstream: bytes flow both ways to a server whose certificate is right", "[upstream]") {
    for (const Version version : {Version::tls12, Version::tls13}) {
        PolicySettings server;
        server.min_version = server.max_version = version;
        Upstream up(trusting(the_world().root), "shop.example", the_credential(), server);
        REQUIRE(up.meet());
        CHECK(up.mesh->version() == (version == Version::tls12 ? "TLSv1.2" : "TLSv1.3"));
        CHECK(up.mesh->alpn().empty());
        CHECK_FALSE(up.mesh->resumed());
        const std::string text(100'000, 'x');
        REQUIRE(up.mesh->write(as_bytes(text)) == Progress::done);
        REQUIRE(up.mesh->flush() == Progress::done);
        CHECK(all_of(*up.server) == std::pair(text, Progress::want_read));
        REQUIRE(up.server->write(as_bytes("answer")) == Progress::done);
        REQUIRE(up.server->close_write() == Progress::done);
        REQUIRE(up.server->flush() == Progress::done);
        CHECK(all_of(*up.mesh) == std::pair(std::string("answer"), Progress::closed));

        REQUIRE(up.mesh->write(as_bytes("last words")) == Progress::done);
        REQUIRE(up.mesh->close_write() == Progress::done);
        REQUIRE(up.mesh->flush() == Progress::done);
        CHECK(all_of(*up.server) == std::pair(std::string("last words"), Progress::closed));
    }
}

TEST_CASE("upstream: a certificate for another name is refused", "[upstream]") {
    Upstream up(trusting(the_world().root), "db.example", the_credential());
    CHECK_FALSE(up.meet());
    CHECK(up.mesh_says == Progress::failed);
    CHECK_THAT(up.why(), ContainsSubstring("hostname mismatch"));
    CHECK(up.mesh->failure().origin == Origin::upstream);
    CHECK(up.server_says != Progress::done);
}

TEST_CASE("upstream: serverName counts instead of the host that was dialled", "[upstream]") {
    UpstreamSettings settings = trusting(the_world().root);
    settings.server_name = "shop.example";
    CHECK(Upstream(settings, "192.0.2.7", the_credential()).meet());
    settings.server_name = "other.example";
    CHECK_FALSE(Upstream(settings, "shop.example", the_credential()).meet());
    settings.server_name = "shop.example.";
    CHECK(Upstream(settings, "192.0.2.7", the_credential()).meet());
}

TEST_CASE("upstream: an address is looked for among the certificate's addresses", "[upstream]") {
    LeafOptions leaf;
    leaf.names = {"10.0.0.9"};  // as a DNS name it is no address
    leaf.addresses = {"10.0.0.7", "2001:db8::7"};
    const auto credential = the_world().credential(leaf);
    const UpstreamSettings settings = trusting(the_world().root);
    CHECK(Upstream(settings, "10.0.0.7", credential).meet());
    CHECK(Upstream(settings, "2001:db8::7", credential).meet());
    Upstream other(settings, "10.0.0.8", credential);
    CHECK_FALSE(other.meet());
    CHECK_THAT(other.why(), ContainsSubstring("IP address mismatch"));
    CHECK_FALSE(Upstream(settings, "10.0.0.9", credential).meet());
}

TEST_CASE("upstream: the common name is no name", "[upstream]") {
    LeafOptions leaf;
    leaf.names = {};
    leaf.common_name = "shop.example";
    const auto credential = the_world().credential(leaf);
    CHECK_FALSE(Upstream(trusting(the_world().root), "shop.example", credential).meet());
}

TEST_CASE("upstream: expired, of an unknown CA, or a client's: refused with the reason",
          "[upstream]") {
    LeafOptions expired;
    expired.starts = std::chrono::hours(-48);
    expired.ends = std::chrono::hours(-24);
    Upstream old(trusting(the_world().root), "shop.example", the_world().credential(expired));
    CHECK_FALSE(old.meet());
    CHECK_THAT(old.why(), ContainsSubstring("certificate has expired"));

    Upstream unknown(trusting(make_root("Other Root")), "shop.example", the_credential());
    CHECK_FALSE(unknown.meet());
    CHECK_THAT(unknown.why(), ContainsSubstring("unable to get local issuer certificate"));

    LeafOptions client;
    client.for_clients = true;
    Upstream wrong_use(trusting(the_world().root), "shop.example", the_world().credential(client));
    CHECK_FALSE(wrong_use.meet());
    CHECK_THAT(wrong_use.why(), ContainsSubstring("purpose"));
}

TEST_CASE("upstream: an intermediate CA or the certificate itself may be the anchor",
          "[upstream]") {
    CHECK(Upstream(trusting(the_world().intermediate), "shop.example", the_credential()).meet());
    const Party leaf = the_world().leaf();
    CHECK(Upstream(trusting(leaf), "shop.example", credential_of({leaf})).meet());
}

TEST_CASE("upstream: insecureSkipVerify takes any certificate", "[upstream]") {
    UpstreamSettings settings;
    settings.insecure_skip_verify = true;
    Upstream up(settings, "db.example", the_credential());
    REQUIRE(up.meet());
    up.link.to_client.end();
    CHECK(all_of(*up.mesh).second == Progress::truncated);
    CHECK_THAT(up.why(), !ContainsSubstring("certificate"));
}

TEST_CASE("upstream: without roots nothing is verified, so no policy is made", "[upstream]") {
    CHECK_FALSE(UpstreamPolicy::make({}).has_value());
    CHECK_FALSE(Roots::from_pem("nothing in here").has_value());
}

TEST_CASE("upstream: a CA with trust settings is refused rather than stripped of them",
          "[upstream]") {
    const auto roots = Roots::from_pem(
        "-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n");
    REQUIRE_FALSE(roots.has_value());
    CHECK_THAT(roots.error().message, ContainsSubstring("openssl x509 -in"));
}

TEST_CASE("upstream: a server that asks gets mesh's certificate", "[upstream]") {
    LeafOptions for_clients;
    for_clients.for_clients = true;
    UpstreamSettings settings = trusting(the_world().root);
    settings.credential = the_world().credential(for_clients);
    for (const Version version : {Version::tls12, Version::tls13}) {
        PolicySettings server = asking_for_certificates(ClientAuth::require_and_verify);
        server.min_version = server.max_version = version;
        CHECK(Upstream(settings, "shop.example", the_credential(), server).meet());
    }
}

TEST_CASE("upstream: a server that demands a certificate and gets none ends the connection",
          "[upstream]") {
    const UpstreamSettings settings = trusting(the_world().root);
    PolicySettings server = asking_for_certificates(ClientAuth::require_and_verify);
    server.max_version = Version::tls12;
    Upstream older(settings, "shop.example", the_credential(), server);
    CHECK_FALSE(older.meet());
    CHECK(older.mesh_says == Progress::failed);
    CHECK(older.mesh->failure().origin == Origin::upstream);

    server.max_version = Version::tls13;
    Upstream newer(settings, "shop.example", the_credential(), server);
    CHECK_FALSE(newer.meet());
    CHECK(newer.mesh_says == Progress::done);  // the alert comes after the client's last flight
    CHECK(all_of(*newer.mesh).second == Progress::failed);
    CHECK_THAT(newer.why(), ContainsSubstring("certificate required"));
}

TEST_CASE("upstream: a server without TLS is told from one with trouble", "[upstream]") {
    Upstream up(trusting(the_world().root), "shop.example", the_credential());
    CHECK(up.mesh->handshake() == Progress::want_read);
    up.link.to_client.put(as_bytes("220 mail.example ESMTP ready\r\n"));
    CHECK(up.mesh->handshake() == Progress::failed);
    CHECK_THAT(up.why(), ContainsSubstring("does it speak TLS?"));
}

TEST_CASE("upstream: a server that leaves in the handshake is told so", "[upstream]") {
    Upstream up(trusting(the_world().root), "shop.example", the_credential());
    CHECK(up.mesh->handshake() == Progress::want_read);
    up.link.to_client.end();
    CHECK(up.mesh->handshake() == Progress::truncated);
    CHECK(up.why() == "the server left during the TLS handshake");
    CHECK(up.mesh->failure().origin == Origin::upstream);
}

TEST_CASE("upstream: tickets are read past, and cut off where they have no end", "[upstream]") {
    const UpstreamPolicyPtr policy = upstream_policy(trusting(the_world().root));
    for (const std::size_t tickets : {32U, 2000U}) {
        Link link;
        Reverse reverse(link);
        auto mesh = Session::connect(*policy, "shop.example", reverse);
        REQUIRE(mesh.has_value());
        Stranger server(tickets);
        REQUIRE(server.meet(**mesh, link));
        server.write(link, "hello");
        if (tickets == 32) {
            CHECK(all_of(**mesh) == std::pair(std::string("hello"), Progress::want_read));
            continue;
        }
        CHECK(all_of(**mesh) == std::pair(std::string(), Progress::failed));
        CHECK((*mesh)->failure().code == Errc::limit);
        CHECK((*mesh)->failure().origin == Origin::upstream);
        CHECK_THAT((*mesh)->failure().message, ContainsSubstring("session tickets without end"));
        CHECK(link.to_client.size() > 0);  // most of them were not even read
    }
}

TEST_CASE("upstream: a chain without end is cut off", "[upstream]") {
    LeafOptions leaf;
    leaf.names.clear();
    for (int i = 0; i < 1200; ++i)
        leaf.names.push_back("n" + std::to_string(i) + ".a-rather-long-name.example");
    leaf.names.push_back("shop.example");
    const Party party = the_world().leaf(leaf);
    const auto credential = Credential::from_pem(party.certificate_pem(), party.key_pem());
    REQUIRE(credential.has_value());
    Upstream up(trusting(the_world().intermediate), "shop.example", *credential);
    CHECK_FALSE(up.meet());
    CHECK_THAT(up.why(), ContainsSubstring("excessive message size"));
}

TEST_CASE("upstream: settings are the same by what they hold", "[upstream]") {
    UpstreamSettings one = trusting(the_world().root);
    UpstreamSettings two = trusting(the_world().root);
    CHECK(one == two);
    two.credential = the_credential();
    CHECK_FALSE(one == two);
    two = trusting(the_world().intermediate);
    CHECK_FALSE(one == two);
    two = one;
    const Party leaf = the_world().leaf();
    LeafOptions ca;
    ca.is_ca = true;
    ca.common_name = "Test Intermediate";
    const Party renewed = issue(the_world().root, ca);
    one.credential = credential_of({leaf, the_world().intermediate});
    two.credential = credential_of({leaf, the_world().intermediate});
    CHECK(one == two);
    two.credential = credential_of({leaf, renewed});
    CHECK_FALSE(one == two);  // the same leaf below another intermediate CA
    two.credential = credential_of({leaf});
    CHECK_FALSE(one == two);
    two.roots = nullptr;
    CHECK_FALSE(one == two);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("upstream: an idle connection to a server holds at most 26 kB, 42 kB with OpenSSL 3.2",
          "[upstream]") {
    const auto in_use = [] { return mallinfo2().uordblks; };
    const UpstreamPolicyPtr policy = upstream_policy(trusting(the_world().root));
    constexpr std::size_t count = 50;
    std::vector<std::unique_ptr<Session>> held;
    std::vector<std::unique_ptr<Upstream>> pairs;
    const auto add = [&](std::vector<std::unique_ptr<Upstream>>& to) {
        to.push_back(std::make_unique<Upstream>(
            trusting(the_world().root), "shop.example", the_credential()));
        Upstream& up = *to.back();
        auto session = Session::connect(*policy, "shop.example", up.reverse);
        up.mesh = std::move(*session);
        REQUIRE(up.meet());
        REQUIRE(up.mesh->write(as_bytes(std::string(20'000, 'x'))) == Progress::done);
        REQUIRE(up.mesh->flush() == Progress::done);
        static_cast<void>(all_of(*up.server));
        up.link.to_server.clear();
        up.link.to_client.clear();
    };
    for (std::size_t i = 0; i < count; ++i) add(pairs);
    const std::size_t before = in_use();
    for (auto& pair : pairs) pair->mesh.reset();
    const std::size_t each = (before - in_use()) / count;
    std::cout << "heap per idle TLS session to a server: " << each << " bytes\n";
    CHECK(each <= (OpenSSL_version_num() < 0x3020'0000UL ? 26'000 : 42'000));
}
#endif

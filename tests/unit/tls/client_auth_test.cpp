#include "setup.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

struct Clients {
    World world;
    std::shared_ptr<const Credential> good = make({});
    std::shared_ptr<const Credential> expired = make({.ends = std::chrono::seconds(-60)});
    std::shared_ptr<const Credential> stranger = stranger_credential();
    std::shared_ptr<const Credential> for_servers = world.credential();

    std::shared_ptr<const Credential> make(LeafOptions options) const {
        options.for_clients = true;
        return world.credential(options);
    }
    static std::shared_ptr<const Credential> stranger_credential() {
        LeafOptions options;
        options.for_clients = true;
        return World().credential(options);
    }
};

const Clients& clients() {
    static const Clients made;
    return made;
}

bool connects(const std::shared_ptr<const Policy>& policy, const Credential* certificate) {
    bool outcome[2] = {};
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        ClientOptions options = shop_client();
        options.min_version = options.max_version = version;
        options.certificate = certificate;
        Pair pair(policy, options);
        outcome[version - TLS1_2_VERSION] = pair.connect();
        if (pair.meeting.server == Progress::failed)
            CHECK(pair.server->failure().origin == Origin::client);
    }
    CHECK(outcome[0] == outcome[1]);
    return outcome[0];
}

std::shared_ptr<const Policy> policy_for(ClientAuth auth) {
    PolicySettings settings;
    settings.client_auth = auth;
    if (auth == ClientAuth::verify_if_given || auth == ClientAuth::require_and_verify)
        settings.client_ca_pem = clients().world.root.certificate_pem();
    return make_policy(settings);
}

}  // namespace

TEST_CASE("client certificates: each type asks, requires and verifies what it says") {
    struct Row {
        ClientAuth auth;
        bool none, good, expired, stranger, for_servers;
    };
    const std::vector<Row> table = {
        {ClientAuth::none, true, true, true, true, true},
        {ClientAuth::request, true, true, true, true, true},
        {ClientAuth::require_any, false, true, true, true, true},
        {ClientAuth::verify_if_given, true, true, false, false, false},
        {ClientAuth::require_and_verify, false, true, false, false, false},
    };
    for (const Row& row : table) {
        CAPTURE(static_cast<int>(row.auth));
        const auto policy = policy_for(row.auth);
        CHECK(connects(policy, nullptr) == row.none);
        CHECK(connects(policy, clients().good.get()) == row.good);
        CHECK(connects(policy, clients().expired.get()) == row.expired);
        CHECK(connects(policy, clients().stranger.get()) == row.stranger);
        CHECK(connects(policy, clients().for_servers.get()) == row.for_servers);
    }
}

TEST_CASE("client certificates: a refusal says why") {
    ClientOptions options = shop_client();
    options.max_version = TLS1_2_VERSION;
    options.certificate = clients().stranger.get();
    Pair pair(policy_for(ClientAuth::require_and_verify), options);
    REQUIRE_FALSE(pair.connect());
    CHECK_THAT(pair.server->failure().message, ContainsSubstring("unable to get"));
    CHECK(pair.client.alert() == SSL_AD_UNKNOWN_CA);
}

TEST_CASE("client certificates: an intermediate CA may be the anchor") {
    PolicySettings settings;
    settings.client_auth = ClientAuth::require_and_verify;
    settings.client_ca_pem = clients().world.intermediate.certificate_pem();
    CHECK(connects(make_policy(settings), clients().good.get()));
}

TEST_CASE("client certificates: several CAs, and the client is told their names") {
    const Party other = make_root("Other Root");
    PolicySettings settings;
    settings.client_auth = ClientAuth::require_and_verify;
    settings.client_ca_pem = other.certificate_pem() + clients().world.root.certificate_pem();
    ClientOptions options = shop_client();
    options.certificate = clients().good.get();
    Pair pair(make_policy(settings), options);
    REQUIRE(pair.connect());
    CHECK(sk_X509_NAME_num(SSL_get0_peer_CA_list(pair.client.native())) == 2);
}

TEST_CASE("client certificates: one signed with SHA-1 is not accepted") {
    PolicySettings settings;
    settings.client_auth = ClientAuth::require_and_verify;
    settings.client_ca_pem = clients().world.root.certificate_pem();
    const auto policy = make_policy(settings);
    CHECK(connects(policy, clients().good.get()));

    LeafOptions leaf;
    leaf.for_clients = true;
    const Party weak = clients().world.leaf(leaf);
    REQUIRE(X509_sign(weak.certificate.get(), clients().world.intermediate.key.get(), EVP_sha1()) >
            0);
    const auto credential = credential_of({weak, clients().world.intermediate});
    ClientOptions options = shop_client();
    options.security_level = 0;
    options.certificate = credential.get();
    CHECK_FALSE(Pair(policy, options).connect());
}

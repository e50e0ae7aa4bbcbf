#include "tls/policy.hpp"

#include "setup.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

constexpr int no_application_protocol = 120;

struct Offered {
    bool established = false;
    int alert = -1;
    std::string client;
    std::string server;
};

Offered offer(const std::shared_ptr<const Policy>& policy,
              const std::vector<std::string>& alpn,
              const std::string& routed_protocol = {}) {
    ClientOptions options = shop_client();
    options.alpn = alpn;
    Pair pair(policy, options, the_credential(), routed_protocol);
    Offered result;
    result.established = pair.connect();
    result.alert = pair.client.alert();
    result.client = pair.client.alpn();
    if (result.established) result.server = pair.server->alpn();
    return result;
}

std::shared_ptr<const Policy> with_alpn(std::vector<std::string> protocols) {
    PolicySettings settings;
    settings.alpn_protocols = std::move(protocols);
    return make_policy(settings);
}

Error policy_error(const PolicySettings& settings) {
    const auto policy = Policy::make(settings, nullptr);
    REQUIRE_FALSE(policy.has_value());
    return policy.error();
}

bool connects(const std::shared_ptr<const Policy>& policy, int version) {
    ClientOptions options = shop_client();
    options.min_version = options.max_version = version;
    if (version < TLS1_2_VERSION) {
        options.security_level = 0;
        options.ciphers = "ALL";
    }
    return Pair(policy, options).connect();
}

}  // namespace

TEST_CASE("ALPN: without a list nothing is selected, except postgresql on its own") {
    const auto policy = make_policy();
    for (const auto& alpn : std::vector<std::vector<std::string>>{
             {}, {"h2"}, {"h2", "http/1.1"}, {"postgresql", "h2"}, {"acme-tls/1", "h2"}}) {
        const Offered result = offer(policy, alpn);
        CHECK(result.established);
        CHECK(result.client.empty());
        CHECK(result.server.empty());
    }
    const Offered postgres = offer(policy, {"postgresql"});
    CHECK(postgres.established);
    CHECK(postgres.client == "postgresql");
    CHECK(postgres.server == "postgresql");
}

TEST_CASE("ALPN: with a list the server's order decides, and no match is refused") {
    const auto policy = with_alpn({"h2", "http/1.1"});
    CHECK(offer(policy, {"http/1.1", "h2"}).client == "h2");
    CHECK(offer(policy, {"http/1.1"}).client == "http/1.1");
    CHECK(offer(policy, {"x", "http/1.1"}).server == "http/1.1");
    CHECK(offer(policy, {"h"}).alert == no_application_protocol);
    CHECK(offer(policy, {"h2c"}).alert == no_application_protocol);
    CHECK(offer(policy, {"postgresql"}).alert == no_application_protocol);
    const Offered silent = offer(policy, {});
    CHECK(silent.established);
    CHECK(silent.client.empty());
}

TEST_CASE("ALPN: what the rule was matched by is selected, where the options allow it") {
    const std::vector<std::string> both{"mqtt", "h2"};
    CHECK(offer(make_policy(), both, "h2").client == "h2");
    CHECK(offer(with_alpn({"mqtt", "h2"}), both, "h2").client == "h2");

    // The options have the last word.
    CHECK(offer(with_alpn({"mqtt"}), both, "h2").client == "mqtt");
    CHECK(offer(with_alpn({"http/1.1"}), both, "h2").alert == no_application_protocol);
}

TEST_CASE("ALPN: acme-tls/1 on its own is refused where nothing is being validated") {
    for (const auto& policy : {make_policy(), with_alpn({"h2"})}) {
        const Offered result = offer(policy, {"acme-tls/1"});
        CHECK_FALSE(result.established);
        CHECK(result.alert == no_application_protocol);
    }
}

TEST_CASE("challenge policy: answers acme-tls/1 as the sole offer, and nothing else") {
    const auto policy = Policy::make_challenge();
    REQUIRE(policy.has_value());
    const Offered result = offer(*policy, {"acme-tls/1"});
    CHECK(result.established);
    CHECK(result.client == "acme-tls/1");
    CHECK(offer(*policy, {"acme-tls/1", "h2"}).alert == no_application_protocol);
    CHECK(offer(*policy, {"h2"}).alert == no_application_protocol);
    CHECK_FALSE(connects(*policy, TLS1_1_VERSION));
    CHECK((*policy)->settings().client_auth == ClientAuth::none);

    ClientOptions options = shop_client();
    options.alpn = {"acme-tls/1"};
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        options.min_version = options.max_version = version;
        Pair pair(*policy, options);
        REQUIRE(pair.connect());
        CHECK(pair.client.tickets() == 0);
    }
}

TEST_CASE("versions: only those between the bounds are spoken") {
    const std::vector<std::pair<Version, int>> versions = {{Version::tls12, TLS1_2_VERSION},
                                                           {Version::tls13, TLS1_3_VERSION}};
    for (std::size_t low = 0; low < versions.size(); ++low)
        for (std::size_t high = low; high < versions.size(); ++high) {
            PolicySettings settings;
            settings.min_version = versions[low].first;
            settings.max_version = versions[high].first;
            const auto policy = make_policy(settings);
            for (std::size_t i = 0; i < versions.size(); ++i) {
                CAPTURE(low, high, i);
                CHECK(connects(policy, versions[i].second) == (low <= i && i <= high));
            }
        }
}

TEST_CASE("versions: the default is TLS 1.2 and 1.3 with forward secrecy and AEAD only") {
    const auto policy = make_policy();
    CHECK_FALSE(connects(policy, TLS1_1_VERSION));
    ClientOptions options = shop_client();
    options.max_version = TLS1_2_VERSION;
    options.security_level = 0;
    for (const char* weak : {"AES128-SHA",
                             "AES128-GCM-SHA256",
                             "ECDHE-ECDSA-AES128-SHA256",
                             "ECDHE-ECDSA-AES256-SHA",
                             "aNULL"}) {
        options.ciphers = weak;
        CHECK_FALSE(Pair(policy, options).connect());
    }
    for (const char* strong : {"ECDHE-ECDSA-AES128-GCM-SHA256",
                               "ECDHE-ECDSA-AES256-GCM-SHA384",
                               "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
        options.ciphers = strong;
        Pair pair(policy, options);
        REQUIRE(pair.connect());
        CHECK(pair.server->cipher() == strong);
    }
}

TEST_CASE("groups: X25519, P-256 and P-384 are spoken, others are not") {
    const auto policy = make_policy();
    ClientOptions options = shop_client();
    for (const char* group : {"X25519", "P-256", "P-384"}) {
        options.groups = group;
        CHECK(Pair(policy, options).connect());
    }
    for (const char* group : {"P-521", "X448"}) {
        options.groups = group;
        CHECK_FALSE(Pair(policy, options).connect());
    }
}

TEST_CASE("suites: only those of the list are spoken, of the versions it names") {
    PolicySettings settings;
    settings.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                              "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"};
    const auto connects_with = [&](const char* older, const char* newer) {
        const auto policy = make_policy(settings);
        ClientOptions options = shop_client();
        options.ciphers = older;
        options.newer_ciphers = newer;
        options.max_version = *newer == '\0' ? TLS1_2_VERSION : TLS1_3_VERSION;
        options.min_version = options.max_version;
        return Pair(policy, options).connect();
    };
    CHECK(connects_with("ECDHE-ECDSA-AES256-GCM-SHA384", ""));
    CHECK(connects_with("ECDHE-ECDSA-AES128-SHA", ""));
    CHECK_FALSE(connects_with("ECDHE-ECDSA-AES128-GCM-SHA256", ""));
    CHECK_FALSE(connects_with("ECDHE-ECDSA-CHACHA20-POLY1305", ""));
    for (const char* any : {"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"})
        CHECK(connects_with("", any));

    settings.cipher_suites.push_back("TLS_CHACHA20_POLY1305_SHA256");
    CHECK(connects_with("", "TLS_CHACHA20_POLY1305_SHA256"));
    CHECK_FALSE(connects_with("", "TLS_AES_128_GCM_SHA256"));
    CHECK(connects_with("ECDHE-ECDSA-AES256-GCM-SHA384", ""));
}

TEST_CASE(
    "suites: a list that leaves TLS 1.2 none, or that holds an unknown one, makes no policy") {
    PolicySettings settings;
    settings.cipher_suites = {"TLS_AES_128_GCM_SHA256"};
    CHECK_THAT(policy_error(settings).message, ContainsSubstring("left for TLS 1.2"));
    settings.min_version = Version::tls13;
    CHECK(Policy::make(settings, nullptr).has_value());
    for (const char* unknown : {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA255", "TLS_NOT_A_SUITE", ""}) {
        settings.cipher_suites = {"TLS_AES_128_GCM_SHA256", unknown};
        CHECK_THAT(policy_error(settings).message, ContainsSubstring("does not have"));
    }
}

TEST_CASE("groups: only those of the list are spoken") {
    PolicySettings settings;
    settings.groups = {"secp521r1", "x25519"};
    const auto policy = make_policy(settings);
    ClientOptions options = shop_client();
    for (const char* group : {"X25519", "P-521"}) {
        options.groups = group;
        CHECK(Pair(policy, options).connect());
    }
    for (const char* group : {"P-256", "P-384"}) {
        options.groups = group;
        CHECK_FALSE(Pair(policy, options).connect());
    }
    // A share of the wrong one costs a HelloRetryRequest, not the connection. In TLS 1.2 P-256
    // stands for the certificate's key too.
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        options.min_version = options.max_version = version;
        options.groups = "P-256:P-521";
        CHECK(Pair(policy, options).connect());
        options.groups = "P-256:P-384";
        CHECK_FALSE(Pair(policy, options).connect());
    }
}

TEST_CASE("groups: one that the library lacks makes no policy") {
    PolicySettings settings;
    settings.groups = {"x25519", "no-such-group"};
    CHECK_THAT(policy_error(settings).message, ContainsSubstring("does not have no-such-group"));
    CHECK_FALSE(has_group("no-such-group"));
    for (const char* group : {"x25519", "secp256r1", "secp384r1", "secp521r1"})
        CHECK(has_group(group));
}

TEST_CASE("groups: X25519MLKEM768 where the library has it") {
    const SslContextPtr probe(SSL_CTX_new(TLS_client_method()));
    if (SSL_CTX_set1_groups_list(probe.get(), "X25519MLKEM768") != 1) return;
    ClientOptions options = shop_client();
    options.groups = "X25519MLKEM768";
    CHECK(Pair(make_policy(), options).connect());
}

TEST_CASE("renegotiation: a client that asks for it is refused, and read no further") {
    ClientOptions options = shop_client();
    options.max_version = TLS1_2_VERSION;
    Pair pair(make_policy(), options);
    REQUIRE(pair.connect());
    REQUIRE(SSL_renegotiate(pair.client.native()) == 1);
    pair.client.handshake(pair.link);
    CHECK(pair.read().second == Progress::failed);
    CHECK_THAT(pair.server->failure().message, ContainsSubstring("renegotiation"));
    CHECK(pair.client.handshake(pair.link) == Outcome::failed);
}

TEST_CASE("policy: settings that cannot be kept are errors of the configuration") {
    PolicySettings crossed;
    crossed.min_version = Version::tls13;
    crossed.max_version = Version::tls12;
    CHECK_THAT(policy_error(crossed).message, ContainsSubstring("newer than"));

    for (const ClientAuth auth : {ClientAuth::verify_if_given, ClientAuth::require_and_verify}) {
        PolicySettings blind;
        blind.client_auth = auth;
        CHECK_THAT(policy_error(blind).message, ContainsSubstring("no PEM certificate"));
        blind.client_ca_pem = the_world().root.key_pem();
        CHECK_THAT(policy_error(blind).message, ContainsSubstring("no PEM certificate"));
        blind.client_ca_pem = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        CHECK(policy_error(blind).origin == Origin::config);
    }

    PolicySettings odd;
    odd.alpn_protocols = {""};
    CHECK_THAT(policy_error(odd).message, ContainsSubstring("ALPN"));
    odd.alpn_protocols = {std::string(256, 'x')};
    CHECK_THAT(policy_error(odd).message, ContainsSubstring("ALPN"));
}

TEST_CASE("versions of the library: at build time and now") {
    CHECK(runtime_version().starts_with("OpenSSL 3."));
    CHECK(build_version().starts_with("OpenSSL 3."));
}

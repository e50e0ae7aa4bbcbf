#include "authority.hpp"
#include "support/catch.hpp"
#include "tls/certificate.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;
using std::chrono::hours;

namespace {

std::vector<HostPattern> patterns(const std::vector<std::string>& names) {
    std::vector<HostPattern> parsed;
    for (const std::string& name : names) parsed.push_back(*HostPattern::parse(name));
    return parsed;
}

std::string reason(const Credential& credential,
                   const std::vector<std::string>& wanted,
                   WallTime now = wall_now()) {
    const Status proven = prove(credential, patterns(wanted), now);
    return proven ? "" : proven.error().message;
}

}  // namespace

TEST_CASE("proof: a good certificate passes, of every key type") {
    const World world;
    for (const KeyType type :
         {KeyType::ec256, KeyType::ec384, KeyType::rsa2048, KeyType::rsa4096}) {
        LeafOptions options;
        options.names = {"shop.example", "*.shop.example"};
        options.key_type = type;
        const auto credential = world.credential(options);
        CHECK(reason(*credential, {"shop.example"}).empty());
        CHECK(reason(*credential, {"*.shop.example", "shop.example"}).empty());
        CHECK(reason(*credential, {"www.shop.example"}).empty());
    }
}

TEST_CASE("proof: a leaf without its issuer is its own anchor") {
    const World world;
    CHECK(reason(*credential_of({world.leaf()}), {"shop.example"}).empty());
}

TEST_CASE("proof: a wanted name that is missing fails") {
    const World world;
    LeafOptions options;
    options.names = {"shop.example", "*.wild.example"};
    const auto credential = world.credential(options);
    CHECK_THAT(reason(*credential, {"shop.example", "www.shop.example"}),
               ContainsSubstring("www.shop.example"));
    CHECK_THAT(reason(*credential, {"*.shop.example"}), ContainsSubstring("*.shop.example"));
    CHECK_THAT(reason(*credential, {"wild.example"}), ContainsSubstring("wild.example"));
    CHECK_THAT(reason(*credential, {"a.b.wild.example"}), ContainsSubstring("a.b.wild.example"));
    CHECK(reason(*credential, {"a.wild.example"}).empty());
}

TEST_CASE("proof: the common name is nobody's name") {
    LeafOptions options;
    options.common_name = "shop.example";
    options.names = {"other.example"};
    CHECK_THAT(reason(*World().credential(options), {"shop.example"}),
               ContainsSubstring("does not hold"));
    options.names = {};
    CHECK_THAT(reason(*World().credential(options), {"shop.example"}),
               ContainsSubstring("does not hold"));
}

TEST_CASE("proof: dates are those of the given time") {
    const auto credential = World().credential();
    const WallTime now = wall_now();
    CHECK(reason(*credential, {"shop.example"}, now).empty());
    CHECK_THAT(reason(*credential, {"shop.example"}, now + hours(25)),
               ContainsSubstring("expired"));
    CHECK_THAT(reason(*credential, {"shop.example"}, now - hours(2)),
               ContainsSubstring("not valid yet"));
    // What has expired by the machine's clock may be proven for a time when it had not.
    LeafOptions past;
    past.starts = std::chrono::seconds(-7200);
    past.ends = std::chrono::seconds(-3600);
    CHECK(reason(*World().credential(past), {"shop.example"}, now - std::chrono::minutes(90))
              .empty());
}

TEST_CASE("proof: a chain that does not hold together fails") {
    const World world;
    const World stranger;
    CHECK_THAT(reason(*credential_of({world.leaf(), stranger.intermediate}), {"shop.example"}),
               ContainsSubstring("not signed by the next"));

    // The same name and key identifier, but another key signed.
    const Party leaf = world.leaf();
    REQUIRE(X509_sign(leaf.certificate.get(), stranger.intermediate.key.get(), EVP_sha256()) > 0);
    CHECK_THAT(reason(*credential_of({leaf, world.intermediate}), {"shop.example"}),
               ContainsSubstring("certificate 1 of the chain is not signed"));
}

TEST_CASE("proof: a key of another certificate fails") {
    const World world;
    const auto credential = world.credential();
    const Credential mixed(credential->chain(), *PrivateKey::generate(KeyType::ec256));
    CHECK_THAT(reason(mixed, {"shop.example"}), ContainsSubstring("does not belong"));
}

TEST_CASE("proof: what TLS itself refuses fails in the handshake") {
    LeafOptions options;
    options.for_clients = true;
    CHECK_THAT(reason(*World().credential(options), {"shop.example"}),
               ContainsSubstring("TLS handshake with the certificate fails"));
}

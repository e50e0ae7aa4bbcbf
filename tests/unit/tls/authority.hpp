#pragma once
// A certificate authority for tests: roots, intermediates, leaves with any flaw.
#include "tls/certificate.hpp"
#include "tls/openssl_ptr.hpp"

#include <string>
#include <vector>

namespace mesh::tls::test {

using SharedX509 = std::shared_ptr<X509>;

struct LeafOptions {
    std::vector<std::string> names = {"shop.example"};
    std::vector<std::string> addresses = {};
    std::chrono::seconds starts{-3600};  ///< from now
    std::chrono::seconds ends{86400};    ///< from now
    bool is_ca = false;
    bool for_clients = false;
    std::string common_name = "leaf";
    KeyType key_type = KeyType::ec256;
};

/// A key and the certificate an issuer made for it.
struct Party {
    SharedX509 certificate;
    std::shared_ptr<EVP_PKEY> key;

    [[nodiscard]] std::string certificate_pem() const;
    [[nodiscard]] std::string key_pem() const;
};

/// Self-signed, a CA.
Party make_root(const std::string& common_name = "Test Root");
Party issue(const Party& issuer, const LeafOptions& options);
std::shared_ptr<const Credential> credential_of(const std::vector<Party>& leaf_first);

/// Root → intermediate → leaf for `names`, as a server presents it (leaf and intermediate).
struct World {
    Party root = make_root();
    Party intermediate;
    World();
    [[nodiscard]] Party leaf(const LeafOptions& options = {}) const {
        return issue(intermediate, options);
    }
    [[nodiscard]] std::shared_ptr<const Credential> credential(
        const LeafOptions& options = {}) const {
        return credential_of({leaf(options), intermediate});
    }
};

WallTime wall_now();

}  // namespace mesh::tls::test

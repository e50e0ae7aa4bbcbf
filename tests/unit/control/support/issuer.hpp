#pragma once
#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace mesh::control::test {

/// Signs certificates with dates of a virtual clock: root → intermediate → leaf.
class Issuer {
 public:
    Issuer();

    struct Leaf {
        std::vector<std::string> names;
        WallTime not_before;
        WallTime not_after;
        bool other_key = false;  ///< not the key of the request
    };
    /// Leaf and intermediate as PEM. The key is that of the PKCS#10 request.
    [[nodiscard]] std::string issue(ByteView csr, const Leaf& leaf);
    /// A pair of chain and key, as an operator would bring it.
    struct Pair {
        std::string chain_pem;
        std::string key_pem;
    };
    [[nodiscard]] Pair issue_pair(const Leaf& leaf);
    /// DNS names of a request.
    [[nodiscard]] static std::vector<std::string> names_in(ByteView csr);
    /// The request's public key, DER.
    [[nodiscard]] static Bytes public_key_in(ByteView csr);

 private:
    using Key = std::shared_ptr<evp_pkey_st>;
    using Certificate = std::shared_ptr<x509_st>;
    [[nodiscard]] Certificate sign(const Key& subject_key, const Leaf& leaf);
    [[nodiscard]] std::string chain_text(const Certificate& leaf) const;

    Key root_key_;
    Key intermediate_key_;
    Certificate root_;
    Certificate intermediate_;
    std::uint64_t next_serial_ = 0x1000;
};

}  // namespace mesh::control::test

#pragma once
#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace mesh::fault {

/// Signs certificates with dates of a virtual clock: root → intermediate → leaf. Throws
/// std::runtime_error where OpenSSL fails.
class Issuer {
 public:
    Issuer();

    struct Leaf {
        std::vector<std::string> names;
        WallTime not_before;
        WallTime not_after;
        bool other_key = false;  ///< not the key of the request
        std::string common_name = "leaf";
        bool for_clients = false;  ///< of no use to a server
    };
    /// Each part as PEM.
    struct Parts {
        std::string leaf;
        std::string intermediate;
        std::string root;
        std::string stranger;  ///< an intermediate of the same name with another key
    };
    /// The key is that of the PKCS#10 request.
    [[nodiscard]] Parts issue_parts(ByteView csr, const Leaf& leaf);
    /// Leaf and intermediate.
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
    [[nodiscard]] Parts parts_with(const Certificate& leaf) const;

    Key root_key_;
    Key intermediate_key_;
    Certificate root_;
    Certificate intermediate_;
    Certificate stranger_;
    std::uint64_t next_serial_ = 0x1000;
};

}  // namespace mesh::fault

#pragma once
#include "base/bytes.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// OpenSSL's own type names, so that no header outside this room needs its headers.
struct evp_pkey_st;
struct x509_st;

namespace mesh::tls {

enum class KeyType { ec256, ec384, rsa2048, rsa4096 };

/// A private key. Copies share the immutable key. Never printed; `to_pem` gives a Secret.
class PrivateKey {
 public:
    [[nodiscard]] static Result<PrivateKey> generate(KeyType type);
    /// PKCS#8, SEC1 or PKCS#1, unencrypted. An encrypted key is an error that says so.
    [[nodiscard]] static Result<PrivateKey> from_pem(std::string_view pem);
    [[nodiscard]] Secret to_pem() const;  ///< PKCS#8
    /// Nothing for a key of a kind `generate` does not make: one from elsewhere.
    [[nodiscard]] std::optional<KeyType> type() const;

    /// The ES256 signature JOSE wants: r and s, 32 bytes each (RFC 7518 §3.4). P-256 keys only.
    [[nodiscard]] Result<Bytes> sign_es256(std::string_view text) const;
    /// The public key as a JWK with its members in the order RFC 7638 §3.2 hashes them:
    /// {"crv":"P-256","kty":"EC","x":"…","y":"…"}. P-256 keys only.
    [[nodiscard]] Result<std::string> public_jwk() const;

    [[nodiscard]] evp_pkey_st* native() const { return key_.get(); }

 private:
    explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

[[nodiscard]] Bytes sha256(std::string_view text);

/// A certification request (PKCS#10, DER) whose only content is the SAN list: no CN, names set
/// through GENERAL_NAME objects. `names` must not be empty; all are DNS names.
[[nodiscard]] Result<Bytes> make_csr(const PrivateKey& key, const std::vector<HostPattern>& names);

}  // namespace mesh::tls

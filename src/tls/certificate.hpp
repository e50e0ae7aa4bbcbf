#pragma once
#include "base/clock.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"
#include "tls/key_pair.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct stack_st_X509;

namespace mesh::tls {

/// What the rest of the house needs to know about a leaf certificate.
struct CertificateFacts {
    std::vector<HostPattern> names;  ///< DNS SANs that are host names or wildcards, in order
    WallTime not_before;
    WallTime not_after;
    std::string serial;  ///< lower-case hex as on the wire, e.g. "03a4…"
    std::string sha256;  ///< of the DER, lower-case hex
    std::string issuer;  ///< one line, for people
};

/// An immutable certificate chain, leaf first.
class CertificateChain {
 public:
    /// Tolerant of CRLF, comments and other PEM blocks. Repairs what CAs and people get wrong: the
    /// order, duplicates, a self-signed root at the end (dropped). Errors: none found, more than 10
    /// certificates, a certificate over 64 KiB, bytes that do not parse.
    [[nodiscard]] static Result<CertificateChain> from_pem(std::string_view pem);
    [[nodiscard]] const CertificateFacts& facts() const { return *facts_; }
    [[nodiscard]] std::string to_pem() const;
    [[nodiscard]] std::size_t size() const { return certificates_.size(); }
    [[nodiscard]] const std::vector<std::shared_ptr<x509_st>>& native() const {
        return certificates_;
    }
    /// A bound for cache accounting, in bytes, when it was made. Issuers are shared by the chains
    /// that have them, and counted with the first.
    [[nodiscard]] std::size_t memory_size() const { return memory_size_; }
    /// What follows the leaf, for handshakes: made once, shared by reference.
    [[nodiscard]] stack_st_X509* native_issuers() const { return issuers_.get(); }

    /// Of parsed certificates, leaf first, not empty. Errors: a leaf whose dates or names do not
    /// parse.
    [[nodiscard]] static Result<CertificateChain> make(
        std::vector<std::shared_ptr<x509_st>> certificates);

 private:
    CertificateChain() = default;
    std::vector<std::shared_ptr<x509_st>> certificates_;
    std::shared_ptr<stack_st_X509> issuers_;
    std::shared_ptr<const CertificateFacts> facts_;
    std::size_t memory_size_ = 0;
};

/// A chain with its private key, parsed and matched: what a handshake is answered with. Shared
/// between connections and threads, never changed.
class Credential {
 public:
    /// Errors: a part that does not parse; a key that does not belong to the leaf.
    [[nodiscard]] static Result<std::shared_ptr<const Credential>> from_pem(std::string_view chain,
                                                                            std::string_view key);
    [[nodiscard]] static Result<std::shared_ptr<const Credential>> make(CertificateChain chain,
                                                                        PrivateKey key);
    [[nodiscard]] const CertificateChain& chain() const { return chain_; }
    [[nodiscard]] const CertificateFacts& facts() const { return chain_.facts(); }
    [[nodiscard]] const PrivateKey& key() const { return key_; }
    /// A bound for cache accounting, in bytes.
    [[nodiscard]] std::size_t memory_size() const;

    Credential(CertificateChain chain, PrivateKey key)
        : chain_(std::move(chain)), key_(std::move(key)) {}

 private:
    CertificateChain chain_;
    PrivateKey key_;
};

/// The self-signed ECDSA certificate served where nothing better exists (CN and SAN
/// "mesh.default.invalid", valid for a year from `now`).
[[nodiscard]] Result<std::shared_ptr<const Credential>> make_default_credential(WallTime now);

/// The certificate that answers TLS-ALPN-01 for `name` (RFC 8737 §3): self-signed, P-256, subject
/// equal to issuer, exactly one dNSName SAN, critical acmeIdentifier holding
/// SHA-256(key_authorization) as an OCTET STRING, no extension twice.
[[nodiscard]] Result<std::shared_ptr<const Credential>> make_challenge_credential(
    const Hostname& name, std::string_view key_authorization, WallTime now);

/// Proof that a certificate may go live: each certificate of the chain is signed by the next (the
/// last one taken as anchor), every wanted name is in it, the key matches, `now` is inside its
/// life, and an in-memory TLS handshake with it succeeds. The error says which of these failed.
[[nodiscard]] Status prove(const Credential& credential,
                           const std::vector<HostPattern>& wanted,
                           WallTime now);

}  // namespace mesh::tls

#pragma once
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "fault/ca/message.hpp"

#include <string>

namespace mesh::fault {

/// A signed request (RFC 8555 §6.2), taken apart.
struct SignedRequest {
    Json header;          ///< protected
    std::string payload;  ///< decoded; empty: POST-as-GET
    std::string signed_text;
    Bytes signature;
    [[nodiscard]] bool names_account() const { return header.contains("kid"); }
    [[nodiscard]] std::string text(const char* member) const;
};

/// Errors (invalid): not a flattened JWS of three members signed with ES256.
[[nodiscard]] Result<SignedRequest> open_jws(const std::string& body);

/// A public P-256 key as a JWK, canonical, as accounts are told apart by it.
struct AccountKey {
    std::string jwk;         ///< the members RFC 7638 hashes, in its order
    std::string thumbprint;  ///< base64url
};
[[nodiscard]] Result<AccountKey> read_jwk(const Json& jwk);
/// Whether the signature was made with that key.
[[nodiscard]] bool verifies(const SignedRequest& request, const AccountKey& key);

}  // namespace mesh::fault

#pragma once
#include "base/result.hpp"
#include "tls/key_pair.hpp"

#include <optional>
#include <string>
#include <variant>

namespace mesh::acme {

/// How a request says whose key signed it (RFC 8555 §6.2): the account's URL, or, before there is
/// an account, the key itself. Never both.
struct KeyInRequest {};
struct KeyOfAccount {
    std::string url;
};
using KeyReference = std::variant<KeyInRequest, KeyOfAccount>;

/// A request body: flattened JSON serialization, ES256 (RFC 7515 §7.2.2, RFC 8555 §6.2). Without
/// a payload it is a POST-as-GET (§6.3).
[[nodiscard]] Result<std::string> sign_request(const tls::PrivateKey& key,
                                               const KeyReference& reference,
                                               const std::string& url,
                                               const std::string& nonce,
                                               const std::optional<std::string>& payload);

/// base64url(SHA-256(JWK)) (RFC 7638).
[[nodiscard]] Result<std::string> thumbprint(const tls::PrivateKey& key);

}  // namespace mesh::acme

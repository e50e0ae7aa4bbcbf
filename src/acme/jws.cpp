#include "acme/jws.hpp"

#include "acme/client.hpp"
#include "acme/json.hpp"
#include "base/base64url.hpp"

namespace mesh::acme {

namespace {

Result<std::string> protected_header(const tls::PrivateKey& key,
                                     const KeyReference& reference,
                                     const std::string& url,
                                     const std::string& nonce) {
    Json header{{"alg", "ES256"}, {"nonce", nonce}, {"url", url}};
    if (const auto* account = std::get_if<KeyOfAccount>(&reference)) {
        header["kid"] = account->url;
        return to_text(header);
    }
    const auto jwk = key.public_jwk();
    if (!jwk) return jwk.error();
    header["jwk"] = Json::parse(*jwk);
    return to_text(header);
}

}  // namespace

Result<std::string> sign_request(const tls::PrivateKey& key,
                                 const KeyReference& reference,
                                 const std::string& url,
                                 const std::string& nonce,
                                 const std::optional<std::string>& payload) {
    const auto header = protected_header(key, reference, url, nonce);
    if (!header) return header.error();
    const std::string first = base64url_encode(*header);
    const std::string second = payload ? base64url_encode(*payload) : std::string();
    const auto signature = key.sign_es256(first + "." + second);
    if (!signature) return signature.error();
    return to_text(Json{
        {"protected", first}, {"payload", second}, {"signature", base64url_encode(*signature)}});
}

Result<std::string> thumbprint(const tls::PrivateKey& key) {
    const auto jwk = key.public_jwk();
    if (!jwk) return jwk.error();
    return base64url_encode(tls::sha256(*jwk));
}

Result<std::string> key_authorization(std::string_view token, const tls::PrivateKey& account_key) {
    const auto print = thumbprint(account_key);
    if (!print) return print.error();
    return std::string(token) + "." + *print;
}

}  // namespace mesh::acme

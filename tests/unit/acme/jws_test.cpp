// Signatures and thumbprints, against RFC 7515, 7638 and OpenSSL.
#include "acme/jws.hpp"

#include "acme/client.hpp"
#include "base/base64url.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

namespace mesh::acme {
namespace {

// The key of RFC 7515 A.3.1.
constexpr const char* rfc7515_key =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
    "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END EC PRIVATE KEY-----\n";

tls::PrivateKey example_key() {
    return tls::PrivateKey::from_pem(rfc7515_key).value();
}

std::string decode(const std::string& text) {
    return std::string(as_text(base64url_decode(text).value()));
}

/// r and s, 32 bytes each, as the DER that OpenSSL verifies.
Bytes to_der(const std::string& signature) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
    ECDSA_SIG* pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
    Bytes der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair, nullptr)));
    unsigned char* out = der.data();
    i2d_ECDSA_SIG(pair, &out);
    ECDSA_SIG_free(pair);
    return der;
}

bool verifies(const tls::PrivateKey& key, const std::string& text, const std::string& signature) {
    if (signature.size() != 64) return false;
    const Bytes der = to_der(signature);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.native());
    return EVP_DigestVerify(context.get(),
                            der.data(),
                            der.size(),
                            reinterpret_cast<const unsigned char*>(text.data()),
                            text.size()) == 1;
}

TEST_CASE("jws: the signature of RFC 7515 A.3 verifies the way ours do") {
    const std::string input =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cn"
        "VlfQ";
    const std::string signature = decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    CHECK(verifies(example_key(), input, signature));

    const Bytes ours = example_key().sign_es256(input).value();
    CHECK(verifies(example_key(), input, std::string(as_text(ours))));
    CHECK_FALSE(verifies(example_key(), input + "x", std::string(as_text(ours))));
}

TEST_CASE("jws: the thumbprint hashes the required members in order and nothing else") {
    // SHA-256 of the JWK of RFC 7515 A.3.1 in the form of RFC 7638 §3.
    CHECK(thumbprint(example_key()).value() == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

TEST_CASE("jws: a key authorization is token, dot, thumbprint (RFC 8555 §8.1)") {
    CHECK(key_authorization("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", example_key()).value() ==
          "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA."
          "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

TEST_CASE("jws: a request is flattened JSON whose signature covers header and payload") {
    const auto check = [](const KeyReference& reference,
                          const std::optional<std::string>& payload) {
        const auto text = sign_request(
            example_key(), reference, "https://ca.example/new-order", "n-1_x", payload);
        const auto jws = nlohmann::json::parse(text.value());
        CHECK(jws.size() == 3);
        const std::string first = jws.at("protected");
        const std::string second = jws.at("payload");
        CHECK(second == (payload ? base64url_encode(*payload) : ""));
        CHECK(verifies(example_key(), first + "." + second, decode(jws.at("signature"))));
        const auto header = nlohmann::json::parse(decode(first));
        CHECK(header.at("alg") == "ES256");
        CHECK(header.at("nonce") == "n-1_x");
        CHECK(header.at("url") == "https://ca.example/new-order");
        CHECK(header.size() == 4);
        return header;
    };
    SECTION("by account") {
        const auto header = check(KeyOfAccount{"https://ca.example/account/7"}, "{\"a\":1}");
        CHECK(header.at("kid") == "https://ca.example/account/7");
    }
    SECTION("by key") {
        const auto header = check(KeyInRequest{}, "{}");
        CHECK(header.at("jwk") ==
              nlohmann::json{{"kty", "EC"},
                             {"crv", "P-256"},
                             {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                             {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}});
    }
    SECTION("POST-as-GET has an empty payload, which is not an empty object") {
        check(KeyOfAccount{"https://ca.example/account/7"}, std::nullopt);
    }
}

TEST_CASE("jws: only P-256 keys sign for accounts") {
    const auto rsa = tls::PrivateKey::generate(tls::KeyType::rsa2048).value();
    CHECK(sign_request(rsa, KeyInRequest{}, "https://ca.example/", "n", "{}").has_error());
    CHECK(key_authorization("token", rsa).has_error());
}

}  // namespace
}  // namespace mesh::acme

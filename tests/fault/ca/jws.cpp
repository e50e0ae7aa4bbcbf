#include "fault/ca/jws.hpp"

#include "base/base64url.hpp"
#include "tls/key_pair.hpp"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

namespace mesh::fault {
namespace {

constexpr std::size_t coordinate_size = 32;

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

Error invalid(std::string message) {
    return Error{Errc::invalid, Origin::client, std::move(message)};
}

std::string member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::string> decoded(const Json& object, const char* name) {
    const auto bytes = base64url_decode(member(object, name));
    if (!bytes) return bytes.error();
    return std::string(as_text(*bytes));
}

KeyPtr public_key(const AccountKey& key) {
    const Json jwk = Json::parse(key.jwk);
    Bytes point{4};  // uncompressed
    for (const char* coordinate : {"x", "y"}) {
        const auto bytes = base64url_decode(member(jwk, coordinate));
        point.insert(point.end(), bytes->begin(), bytes->end());
    }
    std::string curve = "P-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    const ContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* made = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return nullptr;
    return KeyPtr(made);
}

Bytes to_der(const Bytes& signature) {
    const SignaturePtr pair(ECDSA_SIG_new());
    BIGNUM* const r = BN_bin2bn(signature.data(), coordinate_size, nullptr);
    BIGNUM* const s = BN_bin2bn(signature.data() + coordinate_size, coordinate_size, nullptr);
    ECDSA_SIG_set0(pair.get(), r, s);
    unsigned char* bytes = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &bytes);
    if (size <= 0) return {};
    Bytes der(bytes, bytes + size);
    OPENSSL_free(bytes);
    return der;
}

}  // namespace

std::string SignedRequest::text(const char* name) const {
    return member(header, name);
}

Result<SignedRequest> open_jws(const std::string& body) {
    const Json jws = Json::parse(body, nullptr, false);
    if (!jws.is_object() || jws.size() != 3) return invalid("the body is no flattened JWS");
    const auto header = decoded(jws, "protected");
    const auto payload = decoded(jws, "payload");
    const auto signature = decoded(jws, "signature");
    if (!header || !payload || !signature) return invalid("a part of the JWS is not base64url");
    SignedRequest request;
    request.header = Json::parse(*header, nullptr, false);
    request.payload = *payload;
    request.signed_text = member(jws, "protected") + "." + member(jws, "payload");
    request.signature.assign(signature->begin(), signature->end());
    if (!request.header.is_object()) return invalid("the protected header is no object");
    if (request.text("alg") != "ES256" || request.signature.size() != 2 * coordinate_size)
        return invalid("the JWS is not signed with ES256");
    return request;
}

Result<AccountKey> read_jwk(const Json& jwk) {
    if (!jwk.is_object() || member(jwk, "kty") != "EC" || member(jwk, "crv") != "P-256")
        return invalid("the JWK is no P-256 key");
    for (const char* coordinate : {"x", "y"}) {
        const auto bytes = base64url_decode(member(jwk, coordinate));
        if (!bytes || bytes->size() != coordinate_size) return invalid("a coordinate of the JWK");
    }
    AccountKey key;
    key.jwk = R"({"crv":"P-256","kty":"EC","x":")" + member(jwk, "x") + R"(","y":")" +
              member(jwk, "y") + R"("})";
    key.thumbprint = base64url_encode(tls::sha256(key.jwk));
    return key;
}

bool verifies(const SignedRequest& request, const AccountKey& key) {
    const KeyPtr public_part = public_key(key);
    const DigestPtr context(EVP_MD_CTX_new());
    const Bytes der = to_der(request.signature);
    const ByteView text = as_bytes(request.signed_text);
    return public_part && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, public_part.get()) ==
               1 &&
           EVP_DigestVerify(context.get(), der.data(), der.size(), text.data(), text.size()) == 1;
}

}  // namespace mesh::fault

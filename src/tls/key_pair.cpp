#include "tls/key_pair.hpp"

#include "base/base64url.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/pem.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>

namespace mesh::tls {
namespace {

constexpr int coordinate_size = 32;  // of P-256

Error not_p256() {
    return {Errc::unsupported, Origin::internal, "only a P-256 key can do this"};
}

/// The curve of an EC key by OpenSSL's name; empty for other keys.
std::string group_of(EVP_PKEY* key) {
    std::array<char, 32> group{};
    std::size_t size = 0;
    if (EVP_PKEY_is_a(key, "EC") != 1 ||
        EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) != 1)
        return {};
    return {group.data(), size};
}

bool is_p256(EVP_PKEY* key) {
    return group_of(key) == "prime256v1";
}

Result<std::string> coordinate(EVP_PKEY* key, const char* parameter) {
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1)
        return openssl_error("cannot read a public key");
    const BignumPtr number(raw);
    Bytes bytes(coordinate_size);
    if (BN_bn2binpad(number.get(), bytes.data(), coordinate_size) != coordinate_size)
        return openssl_error("cannot read a public key");
    return base64url_encode(bytes);
}

bool is_encrypted(const PemBlock& block) {
    return block.label == "ENCRYPTED PRIVATE KEY" ||
           block.headers.find("ENCRYPTED") != std::string_view::npos;
}

/// The key inside one PEM block, null when the block is something else.
Result<PkeyPtr> decode_key(const PemBlock& block) {
    if (!block.label.ends_with("PRIVATE KEY")) return PkeyPtr{};
    if (is_encrypted(block))
        return Error{Errc::unsupported,
                     Origin::config,
                     "the private key is encrypted; decrypt it first (openssl pkey -in KEY -out "
                     "PLAIN)"};
    const unsigned char* cursor = block.content.data();
    const unsigned char* const end = cursor + block.content.size();
    PkeyPtr key(d2i_AutoPrivateKey(nullptr, &cursor, static_cast<long>(block.content.size())));
    if (!key || cursor != end) {
        ERR_clear_error();
        return Error{Errc::invalid, Origin::config, "the private key does not parse"};
    }
    return key;
}

}  // namespace

Result<PrivateKey> PrivateKey::generate(KeyType type) {
    const auto generate_native = [type]() -> EVP_PKEY* {
        switch (type) {
            case KeyType::ec256:
                return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
            case KeyType::ec384:
                return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384");
            case KeyType::rsa2048:
                return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048});
            case KeyType::rsa4096:
                return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{4096});
        }
        return nullptr;
    };
    PkeyPtr key(generate_native());
    if (!key) return openssl_error("cannot generate a key");
    return PrivateKey(std::shared_ptr<EVP_PKEY>(std::move(key)));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
    PkeyPtr found;
    const auto read = for_each_pem_block(pem, [&found](const PemBlock& block) -> Status {
        if (found) return {};
        auto key = decode_key(block);
        if (!key) return key.error();
        found = std::move(*key);
        return {};
    });
    if (!read) return read.error();
    if (!found) return Error{Errc::not_found, Origin::config, "no private key in the PEM text"};
    return PrivateKey(std::shared_ptr<EVP_PKEY>(std::move(found)));
}

Secret PrivateKey::to_pem() const {
    // A secure-memory BIO wipes its buffer when it is freed and when it grows.
    const BioPtr out(BIO_new(BIO_s_secmem()));
    if (!out || PEM_write_bio_PKCS8PrivateKey(
                    out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        throw_exception_from_error(openssl_error("cannot write a private key"),
                                   BOOST_CURRENT_LOCATION);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return Secret(std::string(text, static_cast<std::size_t>(size)));
}

std::optional<KeyType> PrivateKey::type() const {
    const std::string group = group_of(key_.get());
    if (group == "prime256v1") return KeyType::ec256;
    if (group == "secp384r1") return KeyType::ec384;
    if (EVP_PKEY_is_a(key_.get(), "RSA") != 1) return std::nullopt;
    const int bits = EVP_PKEY_get_bits(key_.get());
    if (bits == 2048) return KeyType::rsa2048;
    if (bits == 4096) return KeyType::rsa4096;
    return std::nullopt;
}

Result<Bytes> PrivateKey::sign_es256(std::string_view text) const {
    if (!is_p256(key_.get())) return not_p256();
    const DigestContextPtr context(EVP_MD_CTX_new());
    std::array<unsigned char, 80> der{};  // a P-256 signature takes 72 bytes at most
    std::size_t size = der.size();
    const ByteView input = as_bytes(text);
    if (!context ||
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), der.data(), &size, input.data(), input.size()) != 1)
        return openssl_error("cannot sign");

    const unsigned char* cursor = der.data();
    const EcdsaSignaturePtr signature(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(size)));
    Bytes joined(2 * coordinate_size);
    if (!signature ||
        BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), joined.data(), coordinate_size) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()),
                     joined.data() + coordinate_size,
                     coordinate_size) < 0)
        return openssl_error("cannot sign");
    return joined;
}

Result<std::string> PrivateKey::public_jwk() const {
    if (!is_p256(key_.get())) return not_p256();
    const auto x = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X);
    if (!x) return x.error();
    const auto y = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
    if (!y) return y.error();
    return R"({"crv":"P-256","kty":"EC","x":")" + *x + R"(","y":")" + *y + R"("})";
}

Bytes sha256(std::string_view text) {
    Bytes digest(32);
    const ByteView input = as_bytes(text);
    if (EVP_Digest(input.data(), input.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw_exception_from_error(openssl_error("cannot hash"), BOOST_CURRENT_LOCATION);
    return digest;
}

}  // namespace mesh::tls

#include "tls/key_pair.hpp"

#include "base/base64url.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/pem.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <bit>

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

/// A curve and how OpenSSL writes its keys in PKCS#8 (RFC 5208, RFC 5915): what stands before the
/// number, and between it and the point.
struct WrittenForm {
    const char* group = nullptr;
    std::size_t number_size = 0;
    std::string_view before_number;
    std::string_view before_point;
};
using namespace std::string_view_literals;
constexpr std::array<WrittenForm, 2> written_forms{{
    {"prime256v1",
     32,
     "\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce"
     "\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\x01\x01\x04\x20"sv,
     "\xa1\x44\x03\x42\x00"sv},
    {"secp384r1",
     48,
     "\x30\x81\xb6\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00"
     "\x22\x04\x81\x9e\x30\x81\x9b\x02\x01\x01\x04\x30"sv,
     "\xa1\x64\x03\x62\x00"sv},
}};
constexpr std::size_t number_size_max = 48;
constexpr std::uint8_t uncompressed = POINT_CONVERSION_UNCOMPRESSED;

/// Null when OpenSSL does not take them.
PkeyPtr key_of_numbers(const WrittenForm& form, ByteView number, ByteView point) {
    std::string group = form.group;
    Bytes public_point(point.begin(), point.end());
    // An OSSL_PARAM has numbers in the machine's own order.
    std::array<unsigned char, number_size_max> native{};
    std::copy(number.begin(), number.end(), native.begin());
    if constexpr (std::endian::native == std::endian::little)
        std::reverse(native.begin(), native.begin() + form.number_size);
    std::array<OSSL_PARAM, 4> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_octet_string(
            OSSL_PKEY_PARAM_PUB_KEY, public_point.data(), public_point.size()),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data(), number.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.data()) != 1)
        ERR_clear_error();
    OPENSSL_cleanse(native.data(), native.size());
    return PkeyPtr(key);
}

/// A key in that very form, as the store has it, is put together from its numbers: OpenSSL's
/// decoders try every format they know, which takes ten times as long. Null for any other, and for
/// one they have to judge.
PkeyPtr key_as_written(ByteView der) {
    for (const WrittenForm& form : written_forms) {
        ByteReader reader(der);
        const auto before_number = reader.take(form.before_number.size());
        const auto number = reader.take(form.number_size);
        const auto before_point = reader.take(form.before_point.size());
        const ByteView point = reader.rest();
        if (!before_number || as_text(*before_number) != form.before_number || !before_point ||
            as_text(*before_point) != form.before_point ||
            point.size() != 1 + 2 * form.number_size || point.front() != uncompressed)
            continue;
        return key_of_numbers(form, *number, point);
    }
    return nullptr;
}

/// The key inside one PEM block, null when the block is something else.
Result<PkeyPtr> decode_key(const PemBlock& block) {
    if (!block.label.ends_with("PRIVATE KEY")) return PkeyPtr{};
    if (is_encrypted(block))
        return Error{Errc::unsupported,
                     Origin::config,
                     "the private key is encrypted; decrypt it first (openssl pkey -in KEY -out "
                     "PLAIN)"};
    if (PkeyPtr key = key_as_written(block.content)) return key;
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

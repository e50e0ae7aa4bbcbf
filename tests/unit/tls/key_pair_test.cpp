#include "tls/key_pair.hpp"

#include "authority.hpp"
#include "base/base64url.hpp"
#include "support/catch.hpp"
#include "tls/openssl_ptr.hpp"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <functional>

using namespace mesh;
using namespace mesh::tls;

namespace {

using PrintedKey = std::string (*)(EVP_PKEY*);

std::string text_of(BIO* bio) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string traditional(EVP_PKEY* key) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_PrivateKey_traditional(
                out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(out.get());
}

std::string encrypted_pkcs8(EVP_PKEY* key) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(
                out.get(), key, EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr) == 1);
    return text_of(out.get());
}

std::string encrypted_traditional(EVP_PKEY* key) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    std::array<unsigned char, 6> secret{'s', 'e', 'c', 'r', 'e', 't'};
    REQUIRE(PEM_write_bio_PrivateKey_traditional(
                out.get(), key, EVP_aes_256_cbc(), secret.data(), 6, nullptr, nullptr) == 1);
    return text_of(out.get());
}

/// The key's PEM text with another content.
std::string pkcs8_with(const Secret& pem, const std::function<void(Bytes&)>& change) {
    const std::string text(pem.reveal());
    const BioPtr in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    char* label = nullptr;
    char* headers = nullptr;
    unsigned char* content = nullptr;
    long size = 0;
    REQUIRE(PEM_read_bio(in.get(), &label, &headers, &content, &size) == 1);
    Bytes der(content, content + size);
    change(der);
    const BioPtr out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio(out.get(), label, headers, der.data(), static_cast<long>(der.size())) >
            0);
    OPENSSL_free(label);
    OPENSSL_free(headers);
    OPENSSL_free(content);
    return text_of(out.get());
}

bool same_key(const PrivateKey& a, const PrivateKey& b) {
    return EVP_PKEY_eq(a.native(), b.native()) == 1;
}

/// The public key a JWK of ours describes, read by other means than it was written.
PkeyPtr key_of_jwk(const std::string& jwk) {
    const auto member = [&jwk](const std::string& name) {
        const std::string start = "\"" + name + "\":\"";
        const std::size_t begin = jwk.find(start) + start.size();
        return *base64url_decode(jwk.substr(begin, jwk.find('"', begin) - begin));
    };
    Bytes point{4};
    for (const char* name : {"x", "y"}) {
        const Bytes coordinate = member(name);
        REQUIRE(coordinate.size() == 32);
        point.insert(point.end(), coordinate.begin(), coordinate.end());
    }
    std::array<char, 6> group{"P-256"};
    std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
    REQUIRE(EVP_PKEY_fromdata_init(context) == 1);
    REQUIRE(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters.data()) == 1);
    EVP_PKEY_CTX_free(context);
    return PkeyPtr(key);
}

bool verifies_jose(EVP_PKEY* key, std::string_view text, const Bytes& joined) {
    const EcdsaSignaturePtr signature(ECDSA_SIG_new());
    REQUIRE(ECDSA_SIG_set0(signature.get(),
                           BN_bin2bn(joined.data(), 32, nullptr),
                           BN_bin2bn(joined.data() + 32, 32, nullptr)) == 1);
    unsigned char* raw = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &raw);
    const DerPtr der(raw);
    const DigestContextPtr context(EVP_MD_CTX_new());
    const ByteView input = as_bytes(text);
    REQUIRE(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1);
    return EVP_DigestVerify(
               context.get(), raw, static_cast<std::size_t>(size), input.data(), input.size()) == 1;
}

}  // namespace

TEST_CASE("private key: every type survives being written and read") {
    for (const KeyType type :
         {KeyType::ec256, KeyType::ec384, KeyType::rsa2048, KeyType::rsa4096}) {
        const auto key = PrivateKey::generate(type);
        REQUIRE(key.has_value());
        const Secret pem = key->to_pem();
        CHECK(pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        const auto read = PrivateKey::from_pem(pem.reveal());
        REQUIRE(read.has_value());
        CHECK(same_key(*key, *read));
    }
}

TEST_CASE("private key: tells its type, and of a kind that is never made nothing") {
    for (const auto type : {KeyType::ec256, KeyType::ec384, KeyType::rsa2048, KeyType::rsa4096}) {
        const auto key = PrivateKey::generate(type).value();
        CHECK(PrivateKey::from_pem(key.to_pem().reveal())->type() == type);
    }
    const std::string ed25519 =
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
        "-----END PRIVATE KEY-----\n";
    CHECK_FALSE(PrivateKey::from_pem(ed25519).value().type().has_value());
}

TEST_CASE("private key: two keys are never the same") {
    CHECK_FALSE(
        same_key(*PrivateKey::generate(KeyType::ec256), *PrivateKey::generate(KeyType::ec256)));
}

TEST_CASE("private key: SEC1, PKCS#1 and keys among other blocks are read") {
    const auto ec = *PrivateKey::generate(KeyType::ec256);
    const auto rsa = *PrivateKey::generate(KeyType::rsa2048);

    const std::string sec1 = traditional(ec.native());
    CHECK(sec1.starts_with("-----BEGIN EC PRIVATE KEY-----"));
    CHECK(same_key(ec, *PrivateKey::from_pem(sec1)));
    const std::string pkcs1 = traditional(rsa.native());
    CHECK(pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    CHECK(same_key(rsa, *PrivateKey::from_pem(pkcs1)));

    const std::string parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    CHECK(same_key(ec, *PrivateKey::from_pem(parameters + sec1)));
    const std::string certificate = test::make_root().certificate_pem();
    CHECK(same_key(ec, *PrivateKey::from_pem(certificate + std::string(ec.to_pem().reveal()))));
}

TEST_CASE("private key: read from PKCS#8 it is the one that was written, leading zeros kept") {
    const auto type = GENERATE(KeyType::ec256, KeyType::ec384, KeyType::rsa2048);
    // One number in 256 starts with a zero byte.
    for (int i = 0; i < (type == KeyType::ec256 ? 600 : 3); ++i) {
        const auto key = *PrivateKey::generate(type);
        const auto read = PrivateKey::from_pem(key.to_pem().reveal());
        REQUIRE(read.has_value());
        REQUIRE(read->to_pem() == key.to_pem());
        REQUIRE(EVP_PKEY_pairwise_check(
                    PkeyContextPtr(EVP_PKEY_CTX_new(read->native(), nullptr)).get()) == 1);
    }
}

TEST_CASE("private key: a point in another form than usual is read, one on no curve is refused") {
    const auto key = *PrivateKey::generate(KeyType::ec256);
    REQUIRE(EVP_PKEY_set_utf8_string_param(
                key.native(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed") == 1);
    const auto compressed = PrivateKey::from_pem(key.to_pem().reveal());
    REQUIRE(compressed.has_value());
    CHECK(same_key(key, *compressed));

    const std::string no_curve = pkcs8_with(PrivateKey::generate(KeyType::ec256)->to_pem(),
                                            [](Bytes& der) { der.back() ^= 1U; });
    CHECK_FALSE(PrivateKey::from_pem(no_curve).has_value());
    const std::string more = pkcs8_with(key.to_pem(), [](Bytes& der) {
        der.insert(der.end(), {0x05, 0x00});
    });
    CHECK_FALSE(PrivateKey::from_pem(more).has_value());
}

TEST_CASE("private key: an encrypted key is refused with what to do about it") {
    const auto key = *PrivateKey::generate(KeyType::ec256);
    for (const PrintedKey print :
         {PrintedKey(encrypted_pkcs8), PrintedKey(encrypted_traditional)}) {
        const auto read = PrivateKey::from_pem(print(key.native()));
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().code == Errc::unsupported);
        CHECK_THAT(read.error().message, ContainsSubstring("encrypted"));
    }
}

TEST_CASE("private key: what is no key is an error that does not repeat the text") {
    const std::string pem(PrivateKey::generate(KeyType::ec256)->to_pem().reveal());
    std::string cut = pem;
    cut.erase(60, 40);
    const std::string garbled =
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IHNlY3JldCBzZWNyZXQ=\n-----END PRIVATE KEY-----\n";
    for (const std::string& text :
         {std::string(), std::string("hello"), cut, garbled, pem.substr(0, pem.size() / 2)}) {
        const auto read = PrivateKey::from_pem(text);
        REQUIRE_FALSE(read.has_value());
        CHECK(read.error().message.find("c2Vj") == std::string::npos);
        CHECK(read.error().origin == Origin::config);
    }
}

TEST_CASE("private key: an ES256 signature is 64 bytes that verify, leading zeros kept") {
    const auto key = *PrivateKey::generate(KeyType::ec256);
    // One signature in 128 has a coordinate that starts with a zero byte.
    for (int i = 0; i < 300; ++i) {
        const std::string text = "header.payload" + std::to_string(i);
        const auto signature = key.sign_es256(text);
        REQUIRE(signature.has_value());
        REQUIRE(signature->size() == 64);
        REQUIRE(verifies_jose(key.native(), text, *signature));
        if (i == 0) CHECK_FALSE(verifies_jose(key.native(), text + "x", *signature));
    }
}

TEST_CASE("private key: the JWK has its members in thumbprint order and describes the key") {
    for (int i = 0; i < 100; ++i) {
        const auto key = *PrivateKey::generate(KeyType::ec256);
        const auto jwk = key.public_jwk();
        REQUIRE(jwk.has_value());
        REQUIRE(jwk->starts_with(R"({"crv":"P-256","kty":"EC","x":")"));
        REQUIRE(EVP_PKEY_eq(key_of_jwk(*jwk).get(), key.native()) == 1);
    }
}

TEST_CASE("private key: ES256 and JWK are for P-256 only") {
    for (const KeyType type : {KeyType::ec384, KeyType::rsa2048}) {
        const auto key = *PrivateKey::generate(type);
        CHECK(key.sign_es256("text").error().code == Errc::unsupported);
        CHECK(key.public_jwk().error().code == Errc::unsupported);
    }
}

TEST_CASE("sha256: the known answer") {
    const Bytes digest = sha256("abc");
    REQUIRE(digest.size() == 32);
    CHECK(digest[0] == 0xBA);
    CHECK(digest[31] == 0xAD);
    CHECK(sha256("").front() == 0xE3);
}

TEST_CASE("csr: holds the names in order, the key's signature, and nothing else") {
    const std::vector<HostPattern> names = {*HostPattern::parse("shop.example"),
                                            *HostPattern::parse("*.shop.example"),
                                            *HostPattern::parse("a_b.example"),
                                            *HostPattern::parse("shop.example")};
    for (const KeyType type : {KeyType::ec256, KeyType::ec384, KeyType::rsa2048}) {
        const auto key = *PrivateKey::generate(type);
        const auto der = make_csr(key, names);
        REQUIRE(der.has_value());
        const unsigned char* cursor = der->data();
        const RequestPtr request(d2i_X509_REQ(nullptr, &cursor, static_cast<long>(der->size())));
        REQUIRE(request);
        CHECK(cursor == der->data() + der->size());
        CHECK(X509_REQ_verify(request.get(), key.native()) == 1);
        CHECK(X509_REQ_get_version(request.get()) == X509_REQ_VERSION_1);
        CHECK(X509_NAME_entry_count(X509_REQ_get_subject_name(request.get())) == 0);
        CHECK(X509_REQ_get_attr_count(request.get()) == 1);

        const ExtensionsPtr extensions(X509_REQ_get_extensions(request.get()));
        REQUIRE(sk_X509_EXTENSION_num(extensions.get()) == 1);
        const GeneralNamesPtr list(static_cast<GENERAL_NAMES*>(
            X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
        REQUIRE(sk_GENERAL_NAME_num(list.get()) == 3);
        for (int i = 0; i < 3; ++i) {
            const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
            CHECK(name->type == GEN_DNS);
            CHECK(as_text({ASN1_STRING_get0_data(name->d.dNSName),
                           static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}) ==
                  names[static_cast<std::size_t>(i)].text());
        }
    }
}

TEST_CASE("csr: without a name there is none") {
    CHECK_FALSE(make_csr(*PrivateKey::generate(KeyType::ec256), {}).has_value());
}

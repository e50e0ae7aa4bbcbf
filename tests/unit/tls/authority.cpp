#include "authority.hpp"

#include "support/catch.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>

namespace mesh::tls::test {
namespace {

std::shared_ptr<EVP_PKEY> make_key(KeyType type) {
    EVP_PKEY* key = nullptr;
    switch (type) {
        case KeyType::ec256:
            key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
            break;
        case KeyType::ec384:
            key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384");
            break;
        case KeyType::rsa2048:
            key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048});
            break;
        case KeyType::rsa4096:
            key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{4096});
            break;
    }
    return {key, EVP_PKEY_free};
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    REQUIRE(extension);
    REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

Party make(const Party* issuer, const LeafOptions& options) {
    Party party;
    party.key = make_key(options.key_type);
    party.certificate = {X509_new(), X509_free};
    X509* const x = party.certificate.get();
    X509_set_version(x, X509_VERSION_3);
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), static_cast<long>(options.starts.count()));
    X509_gmtime_adj(X509_getm_notAfter(x), static_cast<long>(options.ends.count()));
    X509_NAME* const subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_UTF8, as_bytes(options.common_name).data(), -1, -1, 0);
    X509* const signer = issuer ? issuer->certificate.get() : x;
    X509_set_issuer_name(x, X509_get_subject_name(signer));
    X509_set_pubkey(x, party.key.get());
    if (options.is_ca) {
        add_extension(x, signer, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(x, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(x, signer, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(
            x, signer, NID_ext_key_usage, options.for_clients ? "clientAuth" : "serverAuth");
        std::string names;
        for (const std::string& name : options.names)
            names += (names.empty() ? "DNS:" : ",DNS:") + name;
        for (const std::string& address : options.addresses)
            names += (names.empty() ? "IP:" : ",IP:") + address;
        if (!names.empty()) add_extension(x, signer, NID_subject_alt_name, names);
    }
    add_extension(x, signer, NID_subject_key_identifier, "hash");
    if (issuer) add_extension(x, signer, NID_authority_key_identifier, "keyid");
    REQUIRE(X509_sign(x, (issuer ? issuer->key : party.key).get(), EVP_sha256()) > 0);
    return party;
}

std::string text_of(BIO* bio) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio, &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

std::string Party::certificate_pem() const {
    const BioPtr out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_X509(out.get(), certificate.get()) == 1);
    return text_of(out.get());
}

std::string Party::key_pem() const {
    const BioPtr out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
            1);
    return text_of(out.get());
}

Party make_root(const std::string& common_name) {
    LeafOptions options;
    options.is_ca = true;
    options.common_name = common_name;
    return make(nullptr, options);
}

Party issue(const Party& issuer, const LeafOptions& options) {
    return make(&issuer, options);
}

std::shared_ptr<const Credential> credential_of(const std::vector<Party>& leaf_first) {
    std::string chain;
    for (const Party& party : leaf_first) chain += party.certificate_pem();
    auto credential = Credential::from_pem(chain, leaf_first.front().key_pem());
    REQUIRE(credential.has_value());
    return *credential;
}

World::World() {
    LeafOptions options;
    options.is_ca = true;
    options.common_name = "Test Intermediate";
    intermediate = issue(root, options);
}

WallTime wall_now() {
    return SystemClock().now();
}

}  // namespace mesh::tls::test

#include "server_certificate.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

namespace mesh::test {

namespace {

template <class T>
T* checked(T* pointer) {
    if (pointer == nullptr) throw std::runtime_error("OpenSSL failed in a test certificate");
    return pointer;
}

void checked(bool done) {
    if (!done) throw std::runtime_error("OpenSSL failed in a test certificate");
}

Certificate blank(const std::string& common_name, EVP_PKEY* key, int days) {
    static long serial = 1;
    Certificate certificate(checked(X509_new()));
    X509* raw = certificate.get();
    checked(X509_set_version(raw, 2) == 1);
    checked(ASN1_INTEGER_set(X509_get_serialNumber(raw), serial++) == 1);
    constexpr long day = 24L * 3600;
    checked(X509_gmtime_adj(X509_getm_notBefore(raw), -10 * day));
    checked(X509_gmtime_adj(X509_getm_notAfter(raw), days * day));
    X509_NAME* name = X509_get_subject_name(raw);
    const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
    checked(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1);
    checked(X509_set_pubkey(raw, key) == 1);
    return certificate;
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension =
        checked(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name) : key_(checked(EVP_EC_gen("P-256"))) {
    certificate_ = blank(name, key_.get(), 30);
    X509* raw = certificate_.get();
    checked(X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1);
    extend(raw, raw, NID_basic_constraints, "critical,CA:TRUE");
    extend(raw, raw, NID_key_usage, "critical,keyCertSign");
    extend(raw, raw, NID_subject_key_identifier, "hash");
    checked(X509_sign(raw, key_.get(), EVP_sha256()) > 0);
}

TestAuthority::Identity TestAuthority::issue(const std::string& common_name,
                                             const std::string& alternative_names,
                                             int days) const {
    Identity identity{Key(checked(EVP_EC_gen("P-256"))), nullptr};
    identity.certificate = blank(common_name, identity.key.get(), days);
    X509* raw = identity.certificate.get();
    checked(X509_set_issuer_name(raw, X509_get_subject_name(certificate_.get())) == 1);
    extend(raw, certificate_.get(), NID_subject_alt_name, alternative_names);
    extend(raw, certificate_.get(), NID_ext_key_usage, "serverAuth,clientAuth");
    checked(X509_sign(raw, key_.get(), EVP_sha256()) > 0);
    return identity;
}

namespace {

template <class Write>
std::string written(const Write& write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(checked(BIO_new(BIO_s_mem())), &BIO_free);
    checked(write(out.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

std::string TestAuthority::pem() const {
    return written([&](BIO* out) { return PEM_write_bio_X509(out, certificate_.get()); });
}

std::string certificate_pem(const TestAuthority::Identity& identity) {
    return written([&](BIO* out) { return PEM_write_bio_X509(out, identity.certificate.get()); });
}

std::string key_pem(const TestAuthority::Identity& identity, const char* pass_phrase) {
    const EVP_CIPHER* const cipher = pass_phrase == nullptr ? nullptr : EVP_aes_128_cbc();
    // OpenSSL never writes through the pointer.
    void* const phrase = const_cast<char*>(pass_phrase);
    return written([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(
            out, identity.key.get(), cipher, nullptr, 0, nullptr, phrase);
    });
}

TemporaryFile::TemporaryFile(const std::string& content) {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/mesh_http_test.XXXXXX";
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0) throw std::runtime_error("cannot make a temporary file");
    close(descriptor);
    replace(content);
}

TemporaryFile::~TemporaryFile() {
    std::remove(path_.c_str());
}

void TemporaryFile::replace(const std::string& content) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace mesh::test

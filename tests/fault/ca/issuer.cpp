#include "fault/ca/issuer.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace mesh::fault {
namespace {

void require(bool done) {
    if (!done) throw std::runtime_error("OpenSSL failed in a test certificate");
}

template <class T, void (*Free)(T*)>
std::shared_ptr<T> owned(T* object) {
    require(object != nullptr);
    return {object, Free};
}

std::shared_ptr<EVP_PKEY> make_key() {
    return owned<EVP_PKEY, EVP_PKEY_free>(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

void add_extension(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, nullptr, certificate, nullptr, nullptr, 0);
    const auto extension = owned<X509_EXTENSION, X509_EXTENSION_free>(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    require(X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::time_t seconds(WallTime time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

struct Content {
    std::string subject;
    std::string issuer;
    std::uint64_t serial;
    WallTime not_before;
    WallTime not_after;
    EVP_PKEY* key;
    std::string alternative_names;  ///< empty: a CA
    bool for_clients = false;
};

std::shared_ptr<X509> make(const Content& content, EVP_PKEY* signer) {
    auto certificate = owned<X509, X509_free>(X509_new());
    X509* const x = certificate.get();
    const auto named = [](X509_NAME* name, const std::string& text) {
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, as_bytes(text).data(), -1, -1, 0);
    };
    X509_set_version(x, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), content.serial);
    ASN1_TIME_set(X509_getm_notBefore(x), seconds(content.not_before));
    ASN1_TIME_set(X509_getm_notAfter(x), seconds(content.not_after));
    named(X509_get_subject_name(x), content.subject);
    const auto issuer = owned<X509_NAME, X509_NAME_free>(X509_NAME_new());
    named(issuer.get(), content.issuer);
    X509_set_issuer_name(x, issuer.get());
    X509_set_pubkey(x, content.key);
    if (content.alternative_names.empty()) {
        add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(x, NID_key_usage, "critical,keyCertSign");
    } else {
        add_extension(x, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(x, NID_subject_alt_name, content.alternative_names);
        add_extension(x, NID_ext_key_usage, content.for_clients ? "clientAuth" : "serverAuth");
    }
    require(X509_sign(x, signer, EVP_sha256()) > 0);
    return certificate;
}

std::shared_ptr<X509_REQ> parse(ByteView csr) {
    const unsigned char* bytes = csr.data();
    return owned<X509_REQ, X509_REQ_free>(
        d2i_X509_REQ(nullptr, &bytes, static_cast<long>(csr.size())));
}

template <class Write>
std::string pem(Write write) {
    const auto out = owned<BIO, BIO_vfree>(BIO_new(BIO_s_mem()));
    require(write(out.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

constexpr WallTime long_ago{std::chrono::milliseconds{946684800000}};    // 2000
constexpr WallTime far_ahead{std::chrono::milliseconds{4070908800000}};  // 2099

std::string pem_of(const std::shared_ptr<X509>& certificate) {
    return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
}

std::shared_ptr<X509> make_intermediate(EVP_PKEY* key, EVP_PKEY* root_key) {
    return make({"Test Intermediate", "Test Root", 2, long_ago, far_ahead, key, {}}, root_key);
}

}  // namespace

Issuer::Issuer() : root_key_(make_key()), intermediate_key_(make_key()) {
    root_ = make({"Test Root", "Test Root", 1, long_ago, far_ahead, root_key_.get(), {}},
                 root_key_.get());
    intermediate_ = make_intermediate(intermediate_key_.get(), root_key_.get());
    stranger_ = make_intermediate(make_key().get(), root_key_.get());
}

Issuer::Certificate Issuer::sign(const Key& subject_key, const Leaf& leaf) {
    std::string names;
    for (const std::string& name : leaf.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
    return make({leaf.common_name,
                 "Test Intermediate",
                 next_serial_++,
                 leaf.not_before,
                 leaf.not_after,
                 subject_key.get(),
                 names,
                 leaf.for_clients},
                intermediate_key_.get());
}

Issuer::Parts Issuer::parts_with(const Certificate& leaf) const {
    return {pem_of(leaf), pem_of(intermediate_), pem_of(root_), pem_of(stranger_)};
}

Issuer::Parts Issuer::issue_parts(ByteView csr, const Leaf& leaf) {
    const auto request = parse(csr);
    const Key requested = owned<EVP_PKEY, EVP_PKEY_free>(X509_REQ_get_pubkey(request.get()));
    return parts_with(sign(leaf.other_key ? make_key() : requested, leaf));
}

std::string Issuer::issue(ByteView csr, const Leaf& leaf) {
    const Parts parts = issue_parts(csr, leaf);
    return parts.leaf + parts.intermediate;
}

Issuer::Pair Issuer::issue_pair(const Leaf& leaf) {
    const Key key = make_key();
    const Parts parts = parts_with(sign(key, leaf));
    return {parts.leaf + parts.intermediate, pem([&](BIO* out) {
                return PEM_write_bio_PrivateKey(
                    out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
}

std::vector<std::string> Issuer::names_in(ByteView csr) {
    const auto request = parse(csr);
    std::vector<std::string> result;
    STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request.get());
    auto* names = static_cast<GENERAL_NAMES*>(
        X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        const auto* text = ASN1_STRING_get0_data(name->d.dNSName);
        result.emplace_back(
            as_text({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
    }
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return result;
}

Bytes Issuer::public_key_in(ByteView csr) {
    const auto request = parse(csr);
    unsigned char* bytes = nullptr;
    const int size = i2d_PUBKEY(X509_REQ_get0_pubkey(request.get()), &bytes);
    require(size > 0);
    Bytes result(bytes, bytes + size);
    OPENSSL_free(bytes);
    return result;
}

}  // namespace mesh::fault

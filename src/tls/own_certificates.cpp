// The certificates mesh makes itself: the default one and those that answer TLS-ALPN-01.
#include "tls/certificate.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/x509_build.hpp"

#include <openssl/err.h>

namespace mesh::tls {
namespace {

using std::chrono::hours;

constexpr const char* acme_identifier_oid = "1.3.6.1.5.5.7.1.31";

Result<std::shared_ptr<const Credential>> self_signed_credential(const SelfSigned& content) {
    auto key = PrivateKey::generate(KeyType::ec256);
    if (!key) return key.error();
    auto certificate = make_self_signed(content, key->native());
    if (!certificate) return certificate.error();
    auto chain = CertificateChain::make({std::shared_ptr<X509>(std::move(*certificate))});
    if (!chain) return chain.error();
    return Credential::make(std::move(*chain), std::move(*key));
}

/// acmeIdentifier (RFC 8737 §3): critical, its value the DER of an OCTET STRING of 32 bytes.
Result<ExtensionPtr> acme_identifier(std::string_view key_authorization) {
    const Bytes digest = sha256(key_authorization);
    const OctetStringPtr inner(ASN1_OCTET_STRING_new());
    if (!inner ||
        ASN1_OCTET_STRING_set(inner.get(), digest.data(), static_cast<int>(digest.size())) != 1)
        return openssl_error("cannot make an acmeIdentifier");
    unsigned char* raw = nullptr;
    const int size = i2d_ASN1_OCTET_STRING(inner.get(), &raw);
    if (size <= 0) return openssl_error("cannot make an acmeIdentifier");
    const DerPtr der(raw);

    const ObjectPtr oid(OBJ_txt2obj(acme_identifier_oid, 1));
    const OctetStringPtr value(ASN1_OCTET_STRING_new());
    if (!oid || !value || ASN1_OCTET_STRING_set(value.get(), raw, size) != 1)
        return openssl_error("cannot make an acmeIdentifier");
    ExtensionPtr extension(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 1, value.get()));
    if (!extension) return openssl_error("cannot make an acmeIdentifier");
    return extension;
}

}  // namespace

Result<std::shared_ptr<const Credential>> make_default_credential(WallTime now) {
    constexpr std::string_view name = "mesh.default.invalid";
    const auto pattern = HostPattern::parse(name);
    if (!pattern) return pattern.error();
    SelfSigned content;
    content.common_name = name;
    content.names = {*pattern};
    content.not_before = now - hours(1);  // clients' clocks run behind
    content.not_after = now + hours(24 * 365);
    return self_signed_credential(content);
}

Result<std::shared_ptr<const Credential>> make_challenge_credential(
    const Hostname& name, std::string_view key_authorization, WallTime now) {
    auto identifier = acme_identifier(key_authorization);
    if (!identifier) return identifier.error();
    SelfSigned content;
    // Not the name itself: a common name holds 64 bytes, a host name 253.
    content.common_name = "ACME challenge";
    content.names = {HostPattern(name)};
    content.not_before = now - hours(24);
    content.not_after = now + hours(24 * 7);
    content.extension = std::move(*identifier);
    return self_signed_credential(content);
}

}  // namespace mesh::tls

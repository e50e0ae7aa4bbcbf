#include "tls/x509_build.hpp"

#include "tls/openssl_error.hpp"

#include <openssl/rand.h>

#include <array>

namespace mesh::tls {
namespace {

GeneralNamePtr dns_name(const std::string& text) {
    GeneralNamePtr name(GENERAL_NAME_new());
    Ia5StringPtr value(ASN1_IA5STRING_new());
    if (!name || !value ||
        ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) != 1)
        return nullptr;
    GENERAL_NAME_set0_value(name.get(), GEN_DNS, value.release());
    return name;
}

bool set_random_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
    // Positive without a padding byte, and never zero (RFC 5280 §4.1.2.2).
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7FU) | 0x40U);
    const BignumPtr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

bool set_validity(X509* certificate, WallTime not_before, WallTime not_after) {
    const auto in_seconds = [](WallTime time) {
        return static_cast<time_t>(
            std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    };
    return ASN1_TIME_set(X509_getm_notBefore(certificate), in_seconds(not_before)) &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), in_seconds(not_after));
}

bool set_names(X509* certificate, const std::string& common_name) {
    X509_NAME* subject = X509_get_subject_name(certificate);
    const ByteView text = as_bytes(common_name);
    return X509_NAME_add_entry_by_txt(
               subject, "CN", MBSTRING_UTF8, text.data(), static_cast<int>(text.size()), -1, 0) ==
               1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

}  // namespace

Result<ExtensionPtr> subject_alt_name(const std::vector<HostPattern>& names) {
    const GeneralNamesPtr list(GENERAL_NAMES_new());
    if (!list) return openssl_error("cannot make a name list");
    for (const HostPattern& pattern : names) {
        GeneralNamePtr name = dns_name(pattern.text());
        if (!name || sk_GENERAL_NAME_push(list.get(), name.get()) <= 0)
            return openssl_error("cannot make a name list");
        static_cast<void>(name.release());  // the list owns it now
    }
    ExtensionPtr extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, list.get()));
    if (!extension) return openssl_error("cannot make a name list");
    return extension;
}

Result<X509Ptr> make_self_signed(const SelfSigned& content, EVP_PKEY* key) {
    auto names = subject_alt_name(content.names);
    if (!names) return names.error();
    X509Ptr certificate(X509_new());
    if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
        !set_random_serial(certificate.get()) ||
        !set_validity(certificate.get(), content.not_before, content.not_after) ||
        !set_names(certificate.get(), content.common_name) ||
        X509_set_pubkey(certificate.get(), key) != 1 ||
        X509_add_ext(certificate.get(), names->get(), -1) != 1 ||
        (content.extension && X509_add_ext(certificate.get(), content.extension.get(), -1) != 1) ||
        X509_sign(certificate.get(), key, EVP_sha256()) == 0)
        return openssl_error("cannot make a certificate");
    return certificate;
}

}  // namespace mesh::tls

#include "tls/certificate_facts.hpp"

#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"

#include <openssl/err.h>

#include <array>

namespace mesh::tls {
namespace {

constexpr std::size_t issuer_size_max = 256;

Error bad(std::string message) {
    ERR_clear_error();
    return {Errc::invalid, Origin::config, std::move(message)};
}

std::string hex(ByteView bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text.push_back(digits[byte >> 4U]);
        text.push_back(digits[byte & 0x0FU]);
    }
    return text;
}

Result<WallTime> to_wall_time(const ASN1_TIME* time) {
    std::tm fields{};
    if (!time || ASN1_TIME_to_tm(time, &fields) != 1)
        return bad("a certificate's date does not parse");
    const std::chrono::year_month_day day{
        std::chrono::year(fields.tm_year + 1900),
        std::chrono::month(static_cast<unsigned>(fields.tm_mon + 1)),
        std::chrono::day(static_cast<unsigned>(fields.tm_mday))};
    if (!day.ok()) return bad("a certificate's date does not parse");
    return WallTime(std::chrono::sys_days(day)) + std::chrono::hours(fields.tm_hour) +
           std::chrono::minutes(fields.tm_min) + std::chrono::seconds(fields.tm_sec);
}

/// Only names that are canonical host names count: one with a NUL or any other foreign byte in it
/// must not match anything.
Result<std::vector<HostPattern>> dns_names(X509* certificate) {
    int critical = 0;
    const GeneralNamesPtr list(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
    std::vector<HostPattern> names;
    if (!list) {
        if (critical == -1) return names;  // no such extension
        return bad("a certificate's name list does not parse");
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
        if (name->type != GEN_DNS) continue;
        const ASN1_STRING* value = name->d.dNSName;
        auto pattern = HostPattern::parse(as_text(
            {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))}));
        if (pattern) names.push_back(std::move(*pattern));
    }
    return names;
}

/// The content octets of the INTEGER as DER writes them: a leading 00 where the first bit is set.
std::string serial_text(X509* certificate) {
    unsigned char* raw = nullptr;
    const int size = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &raw);
    if (size <= 0) return {};
    const DerPtr der(raw);
    ByteReader reader(ByteView(raw, static_cast<std::size_t>(size)));
    // X.690 §8.1.3: a tag byte, then a length of one byte below 128 or of several.
    if (!reader.u8()) return {};
    const auto length = reader.u8();
    if (!length || (*length >= 0x80 && !reader.take(*length & 0x7FU))) return {};
    return hex(reader.rest());
}

std::string fingerprint(X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
    return hex(ByteView(digest).first(size));
}

std::string issuer_text(X509* certificate) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (!out ||
        X509_NAME_print_ex(out.get(), X509_get_issuer_name(certificate), 0, XN_FLAG_ONELINE) < 0)
        return {};
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, std::min(static_cast<std::size_t>(size), issuer_size_max));
}

}  // namespace

Result<CertificateFacts> read_facts(X509* certificate) {
    CertificateFacts facts;
    const auto not_before = to_wall_time(X509_get0_notBefore(certificate));
    if (!not_before) return not_before.error();
    const auto not_after = to_wall_time(X509_get0_notAfter(certificate));
    if (!not_after) return not_after.error();
    auto names = dns_names(certificate);
    if (!names) return names.error();

    facts.names = std::move(*names);
    facts.not_before = *not_before;
    facts.not_after = *not_after;
    facts.serial = serial_text(certificate);
    facts.sha256 = fingerprint(certificate);
    facts.issuer = issuer_text(certificate);
    ERR_clear_error();
    return facts;
}

}  // namespace mesh::tls

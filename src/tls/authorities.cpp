#include "tls/authorities.hpp"

#include "tls/openssl_error.hpp"
#include "tls/pem.hpp"
#include "tls/policy.hpp"

namespace mesh::tls {
namespace {

constexpr std::string_view with_settings = "TRUSTED CERTIFICATE";

/// The kinds of PEM blocks that OpenSSL reads certificates from.
bool may_be_authority(std::string_view label) {
    return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == with_settings;
}

}  // namespace

Status for_each_authority(std::string_view pem,
                          const std::function<Status(X509&)>& visit,
                          TrustSettings settings) {
    std::size_t count = 0;
    auto read = for_each_pem_block(pem, [&](const PemBlock& block) -> Status {
        if (!may_be_authority(block.label)) return {};
        ++count;
        if (block.label == with_settings && settings == TrustSettings::refused)
            return Error{Errc::unsupported,
                         Origin::config,
                         "certificate " + std::to_string(count) +
                             " is a BEGIN TRUSTED CERTIFICATE, whose trust settings would be lost; "
                             "leave it out if they say distrust, or else make it plain: "
                             "openssl x509 -in FILE -out PLAIN"};
        const unsigned char* cursor = block.content.data();
        const X509Ptr parsed(d2i_X509(nullptr, &cursor, static_cast<long>(block.content.size())));
        if (parsed) return visit(*parsed);
        return openssl_error("certificate " + std::to_string(count) + " does not parse",
                             Origin::config,
                             Errc::invalid);
    });
    if (read && count == 0) return Error{Errc::invalid, Origin::config, "no PEM certificate in it"};
    return read;
}

Status check_authorities(std::string_view pem, TrustSettings settings) {
    return for_each_authority(
        pem, [](X509&) { return Status(); }, settings);
}

Status check_authorities(std::string_view pem) {
    return check_authorities(pem, TrustSettings::refused);
}

}  // namespace mesh::tls

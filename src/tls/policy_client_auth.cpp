#include "tls/openssl_error.hpp"
#include "tls/pem.hpp"
#include "tls/policy_state.hpp"

#include <openssl/err.h>

namespace mesh::tls {
namespace {

constexpr int auth_level = 2;  // RSA of 2048 bits, no SHA-1, whatever the versions allow

/// Proof of possession is still checked; who signed the certificate is not asked.
int accept_any(X509_STORE_CTX* context, void*) noexcept {
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

int verify_mode(ClientAuth auth) {
    switch (auth) {
        case ClientAuth::none:
            return SSL_VERIFY_NONE;
        case ClientAuth::request:
        case ClientAuth::verify_if_given:
            return SSL_VERIFY_PEER;
        case ClientAuth::require_any:
        case ClientAuth::require_and_verify:
            return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

/// The kinds of PEM blocks that OpenSSL reads certificates from.
bool may_be_authority(std::string_view label) {
    return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE";
}

/// Adds one CA to what is trusted and to the names a client is asked to choose from.
Status add_ca(SSL_CTX* context, X509_STORE* trusted, ByteView der) {
    const unsigned char* cursor = der.data();
    const X509Ptr ca(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
    if (!ca) return openssl_error("a client CA does not parse", Origin::config, Errc::invalid);
    if (X509_STORE_add_cert(trusted, ca.get()) != 1 ||
        SSL_CTX_add_client_CA(context, ca.get()) != 1)
        return openssl_error("a client CA cannot be used", Origin::config);
    return {};
}

Status trust_cas(SSL_CTX* context, const std::string& pem) {
    const StorePtr trusted(X509_STORE_new());
    if (!trusted) return openssl_error("cannot hold client CAs");
    std::size_t count = 0;
    auto read = for_each_pem_block(pem, [&](const PemBlock& block) -> Status {
        if (!may_be_authority(block.label)) return {};
        ++count;
        return add_ca(context, trusted.get(), block.content);
    });
    if (!read) return read;
    if (count == 0)
        return Error{Errc::invalid, Origin::config, "no certificate among the client CAs"};
    // Every given CA is an anchor, an intermediate one too.
    X509_STORE_set_flags(trusted.get(), X509_V_FLAG_PARTIAL_CHAIN);
    if (SSL_CTX_set1_verify_cert_store(context, trusted.get()) != 1)
        return openssl_error("cannot hold client CAs");
    return {};
}

}  // namespace

Status check_authorities(std::string_view pem) {
    std::size_t count = 0;
    auto read = for_each_pem_block(pem, [&](const PemBlock& block) -> Status {
        if (!may_be_authority(block.label)) return {};
        ++count;
        const unsigned char* cursor = block.content.data();
        const X509Ptr parsed(d2i_X509(nullptr, &cursor, static_cast<long>(block.content.size())));
        if (parsed) return {};
        return openssl_error("certificate " + std::to_string(count) + " does not parse",
                             Origin::config,
                             Errc::invalid);
    });
    if (read && count == 0) return Error{Errc::invalid, Origin::config, "no PEM certificate in it"};
    return read;
}

Status configure_client_auth(SSL_CTX* context, const PolicySettings& settings) {
    SSL_CTX_set_verify(context, verify_mode(settings.client_auth), nullptr);
    if (settings.client_auth == ClientAuth::none) return {};
    if (verifies(settings.client_auth) || !settings.client_ca_pem.empty())
        if (auto trusted = trust_cas(context, settings.client_ca_pem); !trusted) return trusted;
    if (!verifies(settings.client_auth))
        SSL_CTX_set_cert_verify_callback(context, accept_any, nullptr);
    X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(context), auth_level);
    return {};
}

}  // namespace mesh::tls

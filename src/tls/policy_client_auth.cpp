#include "tls/authorities.hpp"
#include "tls/openssl_error.hpp"
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

Status trust_cas(SSL_CTX* context, const std::string& pem) {
    const StorePtr trusted(X509_STORE_new());
    if (!trusted) return openssl_error("cannot hold client CAs");
    auto read = for_each_authority(pem, [&](X509& ca) -> Status {
        if (X509_STORE_add_cert(trusted.get(), &ca) == 1 &&
            SSL_CTX_add_client_CA(context, &ca) == 1)
            return {};
        return openssl_error("a client CA cannot be used", Origin::config);
    });
    if (!read) return with_context("client CAs", read.error());
    // Every given CA is an anchor, an intermediate one too.
    X509_STORE_set_flags(trusted.get(), X509_V_FLAG_PARTIAL_CHAIN);
    if (SSL_CTX_set1_verify_cert_store(context, trusted.get()) != 1)
        return openssl_error("cannot hold client CAs");
    return {};
}

}  // namespace

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

#include "tls/openssl_error.hpp"
#include "tls/policy_state.hpp"

#include <openssl/err.h>

namespace mesh::tls {
namespace {

// Mozilla's intermediate profile, version 6.0.
constexpr const char* tls13_suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* tls12_suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

constexpr const char* groups = "X25519:P-256:P-384";
constexpr const char* groups_post_quantum = "X25519MLKEM768:X25519:P-256:P-384";

bool set_groups(SSL_CTX* context) {
    // The library is asked, not its version: ML-KEM came with 3.5, and a provider may bring it.
    if (SSL_CTX_set1_groups_list(context, groups_post_quantum) == 1) return true;
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(context, groups) == 1;
}

}  // namespace

Status configure_versions(SSL_CTX* context, const PolicySettings& settings) {
    if (settings.min_version > settings.max_version)
        return Error{Errc::invalid, Origin::config, "minVersion is newer than maxVersion"};

    SSL_CTX_set_security_level(context, 2);
    if (SSL_CTX_set_min_proto_version(context, static_cast<int>(settings.min_version)) != 1 ||
        SSL_CTX_set_max_proto_version(context, static_cast<int>(settings.max_version)) != 1)
        return openssl_error("the TLS versions are not available", Origin::config);
    if (SSL_CTX_set_cipher_list(context, tls12_suites) != 1 ||
        SSL_CTX_set_ciphersuites(context, tls13_suites) != 1 || !set_groups(context))
        return openssl_error("the TLS cipher suites are not available");
    return {};
}

}  // namespace mesh::tls

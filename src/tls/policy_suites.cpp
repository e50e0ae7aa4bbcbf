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

constexpr const char* own_groups = "X25519:P-256:P-384";
constexpr const char* own_groups_post_quantum = "X25519MLKEM768:X25519:P-256:P-384";

void append_name(std::string& list, std::string_view name) {
    if (!list.empty()) list += ':';
    list += name;
}

/// TLS 1.3 suites say nothing of key exchange and signature (RFC 8446 §B.4).
bool is_tls13(std::string_view iana) {
    return iana.find("_WITH_") == std::string_view::npos;
}

Status lacks(const std::string& name) {
    ERR_clear_error();
    return Error{Errc::invalid, Origin::config, runtime_version() + " does not have " + name};
}

/// The list for one version as OpenSSL takes it; empty where no suite of it is named.
std::string listed(const PolicySettings& settings, bool tls13) {
    std::string list;
    for (const std::string& iana : settings.cipher_suites)
        if (is_tls13(iana) == tls13) append_name(list, OPENSSL_cipher_name(iana.c_str()));
    return list;
}

/// OpenSSL takes a list when it knows one entry of it: each is tried by itself.
Status check_suites(const PolicySettings& settings) {
    if (settings.cipher_suites.empty()) return {};
    const SslContextPtr probe(SSL_CTX_new(TLS_server_method()));
    if (!probe) return openssl_error("cannot make a TLS context");
    for (const std::string& iana : settings.cipher_suites) {
        const char* const name = OPENSSL_cipher_name(iana.c_str());
        const int taken = is_tls13(iana) ? SSL_CTX_set_ciphersuites(probe.get(), name)
                                         : SSL_CTX_set_cipher_list(probe.get(), name);
        if (taken != 1) return lacks(iana);
    }
    return {};
}

}  // namespace

Status configure_suites(SSL_CTX* context, const PolicySettings& settings) {
    if (auto known = check_suites(settings); !known) return known;
    std::string older = listed(settings, false);
    std::string newer = listed(settings, true);
    const bool restricted = !settings.cipher_suites.empty();
    if (restricted && older.empty() && settings.min_version == Version::tls12)
        return Error{Errc::invalid, Origin::config, "no cipher suite is left for TLS 1.2"};
    if (older.empty()) older = tls12_suites;
    if (newer.empty()) newer = tls13_suites;
    if (SSL_CTX_set_cipher_list(context, older.c_str()) != 1 ||
        SSL_CTX_set_ciphersuites(context, newer.c_str()) != 1)
        return openssl_error("the TLS cipher suites are not available");
    return {};
}

bool has_group(std::string_view name) {
    const SslContextPtr probe(SSL_CTX_new(TLS_server_method()));
    const bool known =
        probe && SSL_CTX_set1_groups_list(probe.get(), std::string(name).c_str()) == 1;
    ERR_clear_error();
    return known;
}

Status configure_groups(SSL_CTX* context, const PolicySettings& settings) {
    std::string list;
    for (const std::string& group : settings.groups) {
        if (!has_group(group)) return lacks(group);
        append_name(list, group);
    }
    if (!list.empty()) {
        if (SSL_CTX_set1_groups_list(context, list.c_str()) == 1) return {};
        return openssl_error("the key exchange groups cannot be used", Origin::config);
    }
    // The library is asked, not its version: ML-KEM came with 3.5, and a provider may bring it.
    if (SSL_CTX_set1_groups_list(context, own_groups_post_quantum) == 1) return {};
    ERR_clear_error();
    if (SSL_CTX_set1_groups_list(context, own_groups) == 1) return {};
    return openssl_error("the key exchange groups are not available");
}

}  // namespace mesh::tls

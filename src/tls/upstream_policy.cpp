#include "tls/upstream_policy.hpp"

#include "tls/authorities.hpp"
#include "tls/openssl_error.hpp"
#include "tls/policy_state.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

namespace mesh::tls {
namespace {

constexpr long certificate_list_max = 32L * 1024;  ///< bytes of a server's chain
constexpr int chain_depth_max = 10;

bool same_credential(const Credential* a, const Credential* b) {
    if (a == nullptr || b == nullptr) return a == b;
    // The leaf decides on the key, and servers judge the chain.
    const auto& ours = a->chain().native();
    return std::ranges::equal(ours, b->chain().native(), [](const auto& one, const auto& other) {
        return X509_cmp(one.get(), other.get()) == 0;
    });
}

void configure_client(SSL_CTX* context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
#ifdef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
    SSL_CTX_set_options(
        context, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
    SSL_CTX_set_mode(
        context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, certificate_list_max);
}

Status configure_verification(SSL_CTX* context, const UpstreamSettings& settings) {
    if (settings.insecure_skip_verify) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
        return {};
    }
    if (!settings.roots)
        return Error{Errc::invalid, Origin::config, "no CAs to verify servers' certificates by"};
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_verify_depth(context, chain_depth_max);
    if (SSL_CTX_set1_verify_cert_store(context, settings.roots->native()) == 1) return {};
    return openssl_error("cannot hold the CAs of servers");
}

Status present_to_servers(SSL_CTX* context, const Credential* credential) {
    if (credential == nullptr) return {};
    if (SSL_CTX_use_cert_and_key(context,
                                 credential->chain().native().front().get(),
                                 credential->key().native(),
                                 credential->chain().native_issuers(),
                                 1) == 1)
        return {};
    return openssl_error("the client certificate cannot be used", Origin::config);
}

Status configure_upstream(SSL_CTX* context, const UpstreamSettings& settings) {
    PolicySettings common;  // what both sides of mesh have in common: suites and groups
    common.min_version = settings.min_version;
    common.max_version = settings.max_version;
    configure_client(context);
    if (auto done = configure_versions(context, common); !done) return done;
    if (auto done = configure_suites(context, common); !done) return done;
    if (auto done = configure_groups(context, common); !done) return done;
    if (auto done = configure_verification(context, settings); !done) return done;
    return present_to_servers(context, settings.credential.get());
}

}  // namespace

Result<std::shared_ptr<const Roots>> Roots::from_pem(std::string_view pem) {
    std::shared_ptr<Roots> roots(new Roots);
    roots->store_ = std::shared_ptr<X509_STORE>(StorePtr(X509_STORE_new()));
    if (!roots->store_) return openssl_error("cannot hold CAs");
    auto read = for_each_authority(pem, [&](X509& ca) -> Status {
        if (X509_STORE_add_cert(roots->native(), &ca) == 1) return {};
        return openssl_error("a CA cannot be used", Origin::config);
    });
    if (!read) return read.error();
    X509_STORE_set_flags(roots->native(), X509_V_FLAG_PARTIAL_CHAIN);
    roots->digest_ = sha256(pem);
    return std::shared_ptr<const Roots>(std::move(roots));
}

bool UpstreamSettings::operator==(const UpstreamSettings& other) const {
    const bool same_roots =
        roots && other.roots ? roots->digest() == other.roots->digest() : roots == other.roots;
    return same_roots && server_name == other.server_name &&
           insecure_skip_verify == other.insecure_skip_verify && min_version == other.min_version &&
           max_version == other.max_version &&
           same_credential(credential.get(), other.credential.get());
}

void UpstreamPolicy::FreeContext::operator()(ssl_ctx_st* context) const noexcept {
    SSL_CTX_free(context);
}

UpstreamPolicy::UpstreamPolicy(Context context, UpstreamSettings settings)
    : context_(std::move(context)), settings_(std::move(settings)) {}

UpstreamPolicy::~UpstreamPolicy() = default;

std::string_view UpstreamPolicy::expected_name(std::string_view host) const {
    std::string_view name = settings_.server_name.empty() ? host : settings_.server_name;
    if (name.ends_with('.')) name.remove_suffix(1);  // of the DNS, not of certificates
    return name;
}

Result<UpstreamPolicyPtr> UpstreamPolicy::make(UpstreamSettings settings) {
    ERR_clear_error();
    Context context(SSL_CTX_new(TLS_client_method()));
    if (!context) return openssl_error("cannot make a TLS context");
    if (auto done = configure_upstream(context.get(), settings); !done) return done.error();
    return UpstreamPolicyPtr(new UpstreamPolicy(std::move(context), std::move(settings)));
}

}  // namespace mesh::tls

#pragma once
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "tls/certificate.hpp"
#include "tls/policy.hpp"

#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct x509_store_st;

namespace mesh::tls {

/// The CAs that servers' certificates must come from; an intermediate one, or a server's own
/// certificate, is an anchor too. Parsed once, shared by policies and threads, never changed.
class Roots {
 public:
    /// Errors (config): a certificate that does not parse; none at all.
    [[nodiscard]] static Result<std::shared_ptr<const Roots>> from_pem(std::string_view pem);
    [[nodiscard]] x509_store_st* native() const { return store_.get(); }
    /// SHA-256 of the text they came from.
    [[nodiscard]] const Bytes& digest() const { return digest_; }

 private:
    Roots() = default;
    std::shared_ptr<x509_store_st> store_;
    Bytes digest_;
};

/// How mesh speaks TLS to servers, with all files read.
struct UpstreamSettings {
    std::string server_name;             ///< a host name or an IP address; empty: the server's own
    bool insecure_skip_verify = false;   ///< any certificate will do, of anybody
    std::shared_ptr<const Roots> roots;  ///< may be null where nothing is verified
    std::shared_ptr<const Credential> credential;  ///< shown to servers that ask; null: none
    Version min_version = Version::tls12;
    Version max_version = Version::tls13;

    /// By what the parts hold, not by which objects they are.
    [[nodiscard]] bool operator==(const UpstreamSettings& other) const;
};

/// One SSL_CTX for the client's side. Made on the control path, used by every worker, never
/// changed. Offers no ALPN, resumes no session, and reads nothing from disk later.
class UpstreamPolicy {
 public:
    /// Errors: verification without roots; versions crossed; a certificate that cannot be used.
    [[nodiscard]] static Result<std::shared_ptr<const UpstreamPolicy>> make(
        UpstreamSettings settings);
    ~UpstreamPolicy();
    UpstreamPolicy(const UpstreamPolicy&) = delete;
    UpstreamPolicy& operator=(const UpstreamPolicy&) = delete;

    [[nodiscard]] ssl_ctx_st* native() const { return context_.get(); }
    [[nodiscard]] const UpstreamSettings& settings() const { return settings_; }
    /// Whose certificate a server at `host` must have: a host name or an IP address.
    [[nodiscard]] std::string_view expected_name(std::string_view host) const;

 private:
    struct FreeContext {
        void operator()(ssl_ctx_st* context) const noexcept;
    };
    using Context = std::unique_ptr<ssl_ctx_st, FreeContext>;
    UpstreamPolicy(Context context, UpstreamSettings settings);
    Context context_;
    UpstreamSettings settings_;
};
using UpstreamPolicyPtr = std::shared_ptr<const UpstreamPolicy>;

}  // namespace mesh::tls

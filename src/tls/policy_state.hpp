#pragma once
// Private to this room: what the callbacks of an SSL_CTX need, living exactly as long as it does.
#include "tls/openssl_ptr.hpp"
#include "tls/policy.hpp"
#include "tls/ticket_keys.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace mesh::tls {

struct PolicyState {
    PolicySettings settings;
    std::array<std::uint8_t, 32> fingerprint{};  ///< SHA-256 over the settings
    std::shared_ptr<TicketKeys> tickets;         ///< null: no resumption
    CipherPtr ticket_cipher;

    /// Of the policy that `context` belongs to.
    [[nodiscard]] static const PolicyState& of(const SSL_CTX* context);
    [[nodiscard]] static const PolicyState& of(const SSL* ssl);
    /// Hands `state` to `context`, which frees it with itself.
    [[nodiscard]] static bool attach(SSL_CTX* context, std::unique_ptr<PolicyState> state);
};

/// The settings as bytes in which no two differing settings agree, hashed.
[[nodiscard]] std::array<std::uint8_t, 32> fingerprint_of(const PolicySettings& settings);

/// True where a client's certificate is checked against the policy's CAs.
[[nodiscard]] constexpr bool verifies(ClientAuth auth) {
    return auth == ClientAuth::verify_if_given || auth == ClientAuth::require_and_verify;
}
/// True where a handshake without a client certificate must fail.
[[nodiscard]] constexpr bool requires_certificate(ClientAuth auth) {
    return auth == ClientAuth::require_any || auth == ClientAuth::require_and_verify;
}

/// Parts of a policy's set-up, one file each. Errors: what the settings ask for cannot be done.
[[nodiscard]] Status configure_versions(SSL_CTX* context, const PolicySettings& settings);
[[nodiscard]] Status configure_suites(SSL_CTX* context, const PolicySettings& settings);
[[nodiscard]] Status configure_groups(SSL_CTX* context, const PolicySettings& settings);
[[nodiscard]] Status configure_client_auth(SSL_CTX* context, const PolicySettings& settings);
[[nodiscard]] Status configure_alpn(SSL_CTX* context, const PolicySettings& settings);
[[nodiscard]] Status configure_tickets(SSL_CTX* context, PolicyState& state);
void configure_session_callbacks(SSL_CTX* context);  ///< session.cpp

/// ExpectedHello::routed_protocol of the session; empty when it has none.
[[nodiscard]] std::string_view routed_protocol(const SSL* ssl);

}  // namespace mesh::tls

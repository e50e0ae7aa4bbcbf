#pragma once
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;

namespace mesh::tls {

/// The ALPN protocol of TLS-ALPN-01 (RFC 8737 §6.2).
inline constexpr std::string_view acme_protocol = "acme-tls/1";

enum class Version : std::uint16_t { tls12 = 0x0303, tls13 };

enum class ClientAuth {
    none,
    request,
    require_any,
    verify_if_given,
    require_and_verify,
};

/// TLS options with all files read: the same content makes the same policy, wherever it came
/// from.
struct PolicySettings {
    Version min_version = Version::tls12;
    Version max_version = Version::tls13;
    /// Empty: nothing is selected, except `postgresql` when it is the sole offer.
    std::vector<std::string> alpn_protocols;  ///< in order of preference
    ClientAuth client_auth = ClientAuth::none;
    std::string client_ca_pem;  ///< concatenated content of the CA files
    /// IANA names; empty: those of Mozilla's profile. Without a suite of TLS 1.3 in it that version
    /// keeps Mozilla's; without one of TLS 1.2 it must not be spoken.
    std::vector<std::string> cipher_suites;
    std::vector<std::string> groups;  ///< IANA names; empty: those of Mozilla's profile
    bool session_tickets = true;
    auto operator<=>(const PolicySettings&) const = default;
};

/// Whether the TLS library has this group (RFC 8446 §4.2.7), by its IANA name.
[[nodiscard]] bool has_group(std::string_view name);

/// Whether `pem` can serve as a set of trusted CAs: it holds a certificate, and all in it parse.
[[nodiscard]] Status check_authorities(std::string_view pem);

/// Ticket keys of the process: made at random, rotated every 12 h with 3 kept, memory only. They
/// survive reloads and certificate swaps. Thread-safe; the data path only reads.
class TicketKeys;
[[nodiscard]] std::shared_ptr<TicketKeys> make_ticket_keys(const Clock& clock);
/// The keys as text, for a process on this machine that goes on with them. They are then as old
/// there as they are here.
[[nodiscard]] Secret export_ticket_keys(TicketKeys& keys);
/// Errors: invalid.
[[nodiscard]] Result<std::shared_ptr<TicketKeys>> import_ticket_keys(const Secret& text,
                                                                     const Clock& clock);

/// One SSL_CTX: the settings of a listener's TLS side for one worker. The certificate is given
/// per connection. The session id context is a hash over the settings, CA content included, so a
/// ticket of one policy is never accepted under another.
class Policy {
 public:
    /// Without ticket keys no session is ever resumed. Errors: what the settings ask for cannot be
    /// done (versions crossed, verification without CAs, CAs that do not parse, suites or groups
    /// that the library lacks).
    [[nodiscard]] static Result<std::shared_ptr<const Policy>> make(
        const PolicySettings& settings, std::shared_ptr<TicketKeys> tickets);
    /// For acme-tls/1 handshakes: TLS 1.2 or newer, no client certificate, no tickets, ALPN
    /// "acme-tls/1" only (RFC 8737 §4).
    [[nodiscard]] static Result<std::shared_ptr<const Policy>> make_challenge();

    ~Policy();
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;
    [[nodiscard]] ssl_ctx_st* native() const { return context_.get(); }
    [[nodiscard]] const PolicySettings& settings() const;

 private:
    struct FreeContext {
        void operator()(ssl_ctx_st* context) const noexcept;
    };
    explicit Policy(std::unique_ptr<ssl_ctx_st, FreeContext> context);
    std::unique_ptr<ssl_ctx_st, FreeContext> context_;
};

[[nodiscard]] std::string runtime_version();  ///< "OpenSSL 3.0.22 25 Aug 2026"
[[nodiscard]] std::string build_version();

}  // namespace mesh::tls

#pragma once
#include "base/clock.hpp"
#include "base/hostname.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

/// RFC 8555's resources as values. Unknown members are ignored, unknown statuses kept as
/// `unknown` and treated like one more reason to poll.
namespace mesh::acme {

/// RFC 8555 §6.7, RFC 7807: kept whole, because only the CA's own words help an operator.
struct Problem {
    std::string type;  ///< full URN, or empty when the answer was no problem document
    std::string detail;
    int status = 0;  ///< HTTP status
    struct Sub {
        std::string type;
        std::string detail;
        std::string identifier;
    };
    std::vector<Sub> subproblems;  ///< at most 100
    std::string raw;               ///< the body, cut at 4 KiB
    /// The last part of `type`: "rateLimited". Empty when `type` is.
    [[nodiscard]] std::string_view name() const;
    /// One line for people: type name, detail, then each subproblem with its identifier.
    [[nodiscard]] std::string text() const;
};

/// What a failure means for whoever scheduled the request (docs/acme-errors.md).
enum class FailureClass {
    unreachable,      ///< no connection, TLS failure, 5xx, nonsense instead of JSON: the CA's state
    rate_limited,     ///< 429 or rateLimited: wait until `retry_at`
    name,             ///< about the names: dns, connection, tls, unauthorized, caa, …
    config,           ///< only a person can mend it: bad CSR, missing EAB, unknown profile, …
    account_gone,     ///< accountDoesNotExist
    account_stopped,  ///< unauthorized or userActionRequired on the account itself
    order_gone,       ///< the CA does not know this order (404, 410) or it expired
    order_not_ready,
    protocol,  ///< malformed, or an answer that breaks RFC 8555
    cancelled,
};

struct Failure {
    FailureClass kind = FailureClass::protocol;
    std::optional<Problem> problem;
    std::string message;  ///< one sentence: what was asked of whom and what came back
    std::string link;     ///< where the CA says more (terms, a page that lifts a pause)
    std::optional<WallTime> retry_at;  ///< from Retry-After, clamped to [1 s, 24 h] from now
};

struct Directory {
    std::string new_nonce;
    std::string new_account;
    std::string new_order;
    std::string renewal_info;  ///< empty: no ARI
    std::string terms_of_service;
    std::vector<std::string> profiles;
    bool external_account_required = false;
};

enum class OrderStatus { pending, ready, processing, valid, invalid, unknown };
enum class AuthorizationStatus { pending, valid, invalid, deactivated, expired, revoked, unknown };
enum class ChallengeStatus { pending, processing, valid, invalid, unknown };

struct OrderResource {
    std::string url;
    OrderStatus status = OrderStatus::unknown;
    std::optional<WallTime> expires;
    std::vector<std::string> authorizations;
    std::string finalize;
    std::string certificate;
    std::optional<Problem> error;
    std::optional<WallTime> retry_at;
};

struct AuthorizationResource {
    std::string identifier;
    bool wildcard = false;
    AuthorizationStatus status = AuthorizationStatus::unknown;
    std::optional<WallTime> expires;
    /// The tls-alpn-01 challenge, if offered.
    std::optional<std::string> challenge_url;
    std::string token;
    ChallengeStatus challenge_status = ChallengeStatus::unknown;
    std::optional<Problem> error;            ///< of the challenge that failed
    std::vector<std::string> offered_types;  ///< of all challenges, for messages
    std::optional<WallTime> retry_at;
};

struct AccountResource {
    std::string url;  ///< the `kid` of later requests
    std::string status;
};

struct DownloadedChain {
    std::string pem;
    std::vector<std::string> alternates;  ///< URLs of Link: rel="alternate"
};

}  // namespace mesh::acme

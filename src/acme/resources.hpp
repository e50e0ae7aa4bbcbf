#pragma once
#include "acme/types.hpp"
#include "base/bytes.hpp"
#include "base/hostname.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

/// RFC 8555's resources between text and values, one source file per resource. Readers ignore
/// what they do not know, make URLs absolute (`base` is the URL the text came from) and fail in
/// two ways: `invalid` when the text is no JSON object at all, `not_found` when a member that
/// nothing works without is missing.
namespace mesh::acme {

// RFC 8555 §7.1.1
[[nodiscard]] Result<Directory> read_directory(std::string_view body, const std::string& base);

// §7.1.2, §7.3
[[nodiscard]] std::string account_payload(const std::string& email);
/// "valid", "deactivated", "revoked", or empty when the CA did not say.
[[nodiscard]] std::string read_account_status(std::string_view body);

// §7.1.3, §7.4
[[nodiscard]] std::string order_payload(const std::vector<HostPattern>& names,
                                        const std::string& profile);
[[nodiscard]] std::string finalize_payload(const Bytes& csr);
[[nodiscard]] Result<OrderResource> read_order(std::string_view body, const std::string& base);

// §7.1.4
[[nodiscard]] Result<AuthorizationResource> read_authorization(std::string_view body,
                                                               const std::string& base);

// §7.1.5, §8
[[nodiscard]] ChallengeStatus challenge_status(std::string_view text);
[[nodiscard]] Result<ChallengeStatus> read_challenge_status(std::string_view body);

// §6.7
/// Never fails: a body that is no problem document leaves `type` empty and is kept in `raw`.
[[nodiscard]] Problem read_problem(int status, std::string_view body);

}  // namespace mesh::acme

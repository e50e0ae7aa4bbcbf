#pragma once
#include "base/clock.hpp"
#include "store/records.hpp"

#include <chrono>
#include <optional>

/// When a certificate is due, from its real dates alone: no constant in days decides, so that
/// lifetimes of a minute and of a year follow the same rule.
namespace mesh::control {

using Milliseconds = std::chrono::milliseconds;

/// Lifetimes shorter than this are renewed at their middle instead of at two thirds.
inline constexpr Milliseconds short_lifetime = std::chrono::days{10};
/// Unwanted certificates are deleted this long after they expired.
inline constexpr Milliseconds unwanted_retention = std::chrono::days{30};

/// not_after − not_before, never negative.
[[nodiscard]] Milliseconds lifetime(const store::VersionFacts& version);
/// What is left at `now`, never negative.
[[nodiscard]] Milliseconds life_left(const store::VersionFacts& version, WallTime now);
[[nodiscard]] bool is_valid(const store::VersionFacts& version, WallTime now);

/// 2/3 of the lifetime (1/2 below 10 days) after not_before, ± 2 % of the lifetime. The jitter
/// comes from the certificate's own fingerprint: the same version is due at the same instant
/// after every restart, and certificates issued together are due apart.
///
/// A version from the CA is never due before half of what was left of its life when it came:
/// a CA that dates certificates back cannot make mesh order in a circle.
[[nodiscard]] WallTime renewal_time(const store::VersionFacts& version);

/// Whether a person wants another version than the one that is there: it does not wait until it is
/// due.
[[nodiscard]] bool is_renewal_asked(const store::CertificateRecord& record,
                                    const std::optional<store::VersionFacts>& version);

/// When to look at a wanted certificate next: at once without a valid version, with an open order
/// or when a person asked for it, else at its renewal time; in either case not before the stored
/// wait is over.
[[nodiscard]] WallTime due_time(const store::CertificateRecord& record,
                                const std::optional<store::VersionFacts>& version,
                                bool order_open,
                                WallTime now);

/// Forgets the wait after a refusal, because now something else is asked for: attempts start anew.
/// What the CA itself asked to wait, or limits the rate, goes on.
void ask_otherwise(store::CertificateRecord& record);

/// True if the last order brought a certificate that ends before the one that is served, which
/// stayed: no failure, and its `next_at` is no wait but the time when another one is worth an
/// order.
[[nodiscard]] bool came_shorter(const store::CertificateRecord& record);

/// When an unwanted certificate is deleted: 30 days after it expired, but never sooner than
/// 30 days after it became unwanted. Nothing when it is wanted.
[[nodiscard]] std::optional<WallTime> deletion_time(
    const store::CertificateRecord& record, const std::optional<store::VersionFacts>& version);

enum class ExpiryLevel { none, warn, error };

/// How loudly to speak of a certificate's end: warn below 1/5 of its lifetime, error below 1/10 and
/// after its end, whatever its dates.
[[nodiscard]] ExpiryLevel expiry_level(const store::VersionFacts& version, WallTime now);
/// When the level rises next, or is spoken of again: daily for warn, every 6 hours for error.
/// Always after `now`.
[[nodiscard]] WallTime next_expiry_notice(const store::VersionFacts& version, WallTime now);

}  // namespace mesh::control

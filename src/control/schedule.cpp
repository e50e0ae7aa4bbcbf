#include "control/schedule.hpp"

#include "control/jitter.hpp"

#include <algorithm>
#include <string_view>

namespace mesh::control {
namespace {

constexpr double renewal_jitter = 0.02;

Milliseconds part(Milliseconds whole, double fraction) {
    return Milliseconds{static_cast<std::int64_t>(static_cast<double>(whole.count()) * fraction)};
}

}  // namespace

Milliseconds lifetime(const store::VersionFacts& version) {
    return std::max(Milliseconds{0}, version.not_after - version.not_before);
}

Milliseconds life_left(const store::VersionFacts& version, WallTime now) {
    return std::max(Milliseconds{0}, version.not_after - now);
}

bool is_valid(const store::VersionFacts& version, WallTime now) {
    return version.not_before <= now && now < version.not_after;
}

WallTime renewal_time(const store::VersionFacts& version) {
    const Milliseconds life = lifetime(version);
    const double fraction = life < short_lifetime ? 1.0 / 2 : 2.0 / 3;
    const double shift = renewal_jitter * stable_jitter(version.sha256 + version.serial);
    const WallTime nominal = version.not_before + part(life, fraction + shift);

    if (version.source != "acme" || version.created >= version.not_after) return nominal;
    const Milliseconds left_when_it_came = version.not_after - version.created;
    const WallTime earliest = version.created + part(left_when_it_came, 0.5 - renewal_jitter);
    return std::max(nominal, earliest);
}

bool is_renewal_asked(const store::CertificateRecord& record,
                      const std::optional<store::VersionFacts>& version) {
    // An older binary may have renewed it and left the wish where it was.
    return record.renewal_asked && (!version || version->created <= *record.renewal_asked);
}

WallTime due_time(const store::CertificateRecord& record,
                  const std::optional<store::VersionFacts>& version,
                  bool order_open,
                  WallTime now) {
    const bool at_once =
        order_open || !version || now >= version->not_after || is_renewal_asked(record, version);
    const WallTime due = at_once ? now : renewal_time(*version);
    return record.next_at ? std::max(due, *record.next_at) : due;
}

void ask_otherwise(store::CertificateRecord& record) {
    const bool limited =
        record.last_error && std::string_view{record.last_error->type}.ends_with("rateLimited");
    record.attempts = 0;
    if (!limited) record.next_at = record.asked_until;
}

bool came_shorter(const store::CertificateRecord& record) {
    return record.last_error && record.last_error->type == "mesh:shorter";
}

std::optional<WallTime> deletion_time(const store::CertificateRecord& record,
                                      const std::optional<store::VersionFacts>& version) {
    if (!record.unwanted_since) return std::nullopt;
    WallTime unused_since = *record.unwanted_since;
    if (version) unused_since = std::max(unused_since, version->not_after);
    return unused_since + unwanted_retention;
}

ExpiryLevel expiry_level(const store::VersionFacts& version, WallTime now) {
    const Milliseconds life = lifetime(version);
    const Milliseconds left = life_left(version, now);
    if (left == Milliseconds{0} || left < life / 10) return ExpiryLevel::error;
    if (left < life / 5) return ExpiryLevel::warn;
    return ExpiryLevel::none;
}

WallTime next_expiry_notice(const store::VersionFacts& version, WallTime now) {
    constexpr Milliseconds tick{1};  // the levels are strict bounds
    const WallTime error_from = version.not_after - lifetime(version) / 10 + tick;
    switch (expiry_level(version, now)) {
        case ExpiryLevel::none:
            return std::max(version.not_after - lifetime(version) / 5, now) + tick;
        case ExpiryLevel::warn:
            return std::min(error_from, now + std::chrono::hours{24});
        case ExpiryLevel::error:
            break;
    }
    return now + std::chrono::hours{6};
}

}  // namespace mesh::control

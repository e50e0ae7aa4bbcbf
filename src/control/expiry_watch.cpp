#include "control/expiry_watch.hpp"

#include "base/time_text.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

/// The wall clock may be set at any moment.
constexpr std::chrono::milliseconds look_interval = std::chrono::minutes{10};
/// However short a life is, what was said of it holds this long.
constexpr std::chrono::milliseconds notice_interval_max = std::chrono::hours{24};

store::VersionFacts facts_of(const ExpiryWatch::Watched& certificate) {
    store::VersionFacts facts;
    facts.not_before = certificate.not_before;
    facts.not_after = certificate.not_after;
    return facts;
}

}  // namespace

ExpiryWatch::ExpiryWatch(Executor& executor, const Clock& clock, Log& log)
    : executor_(executor), clock_(clock), log_(log) {}

void ExpiryWatch::watch(std::vector<Watched> certificates) {
    certificates_ = std::move(certificates);
    std::map<std::string, WallTime> kept;
    for (const Watched& certificate : certificates_) {
        const auto known = next_.find(certificate.id);
        kept[certificate.id] = known != next_.end() ? known->second : clock_.now();
    }
    next_ = std::move(kept);
    alive_ = std::make_shared<int>(0);
    tick();
}

void ExpiryWatch::tick() {
    if (certificates_.empty()) return;
    const WallTime now = clock_.now();
    WallTime soonest = now + look_interval;
    for (const Watched& certificate : certificates_) {
        WallTime& next = next_.at(certificate.id);
        // A date that was set back does not silence anybody for longer than a notice lasts.
        const auto latest = now + std::max(lifetime(facts_of(certificate)), notice_interval_max);
        if (next <= now || next > latest) {
            speak(certificate);
            next = next_expiry_notice(facts_of(certificate), now);
        }
        soonest = std::min(soonest, next);
    }
    executor_.post_after(soonest - now, [this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) tick();
    });
}

void ExpiryWatch::speak(const Watched& certificate) const {
    const WallTime now = clock_.now();
    const ExpiryLevel level = expiry_level(facts_of(certificate), now);
    if (level == ExpiryLevel::none) return;
    const bool from_file = !certificate.file.empty();
    log_.write(
        level == ExpiryLevel::error ? LogLevel::error : LogLevel::warn,
        "cert_expiring",
        now >= certificate.not_after
            ? (from_file ? "a certificate from a file has expired: replace the file"
                         : "a certificate has expired, and nothing is ordered")
            : (from_file ? "a certificate from a file nears its end: replace the file and reload"
                         : "a certificate nears its end, and nothing is ordered"),
        {{"names", certificate.names},
         {"file", certificate.file},
         {"not_after", rfc3339(certificate.not_after)}});
}

}  // namespace mesh::control

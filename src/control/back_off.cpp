#include "control/back_off.hpp"

#include "control/schedule.hpp"

#include <algorithm>

namespace mesh::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr double wait_jitter = 0.2;
constexpr milliseconds slow = hours{24};
constexpr milliseconds slow_without_certificate = hours{6};
constexpr milliseconds first_probe = seconds{5};
constexpr milliseconds slowest_probe = minutes{5};

milliseconds jittered(milliseconds wait, Jitter& jitter) {
    const double factor = 1.0 + wait_jitter * jitter.next();
    return milliseconds{static_cast<std::int64_t>(static_cast<double>(wait.count()) * factor)};
}

}  // namespace

milliseconds back_off_wait(std::uint32_t attempts, bool has_valid_certificate, Jitter& jitter) {
    switch (attempts) {
        case 0:
        case 1:
            return jittered(minutes{1}, jitter);
        case 2:
            return jittered(minutes{10}, jitter);
        case 3:
            return jittered(minutes{100}, jitter);
        default:
            return jittered(has_valid_certificate ? slow : slow_without_certificate, jitter);
    }
}

milliseconds longest_back_off() {
    return slow + slow / 5;
}

milliseconds probe_wait(std::uint32_t probe, Jitter& jitter) {
    milliseconds wait = first_probe;
    for (std::uint32_t i = 1; i < probe && wait < slowest_probe; ++i) wait *= 2;
    return jittered(std::min(wait, slowest_probe), jitter);
}

std::optional<milliseconds> longest_wait(const std::optional<store::VersionFacts>& version,
                                         WallTime now) {
    if (!version || !is_valid(*version, now)) return std::nullopt;
    return std::max(life_left(*version, now) / 4, lifetime(*version) / 100);
}

WallTime next_attempt(std::uint32_t attempts,
                      const std::optional<store::VersionFacts>& version,
                      std::optional<WallTime> retry_after,
                      WallTime now,
                      Jitter& jitter) {
    const std::optional<milliseconds> bound = longest_wait(version, now);
    milliseconds wait = back_off_wait(attempts, bound.has_value(), jitter);
    if (bound) wait = std::min(wait, *bound);
    const WallTime ours = now + wait;
    return retry_after ? std::max(ours, *retry_after) : ours;
}

WallTime next_wait(std::uint32_t waits,
                   const std::optional<store::VersionFacts>& version,
                   std::optional<WallTime> retry_after,
                   WallTime now,
                   Jitter& jitter) {
    milliseconds wait = probe_wait(waits, jitter);
    if (const auto bound = longest_wait(version, now)) wait = std::min(wait, *bound);
    if (!retry_after) return now + wait;
    return waits > 1 ? std::max(now + wait, *retry_after) : *retry_after;
}

}  // namespace mesh::control

#pragma once
#include "base/clock.hpp"
#include "control/jitter.hpp"
#include "store/records.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

/// How long to wait after a failure. Two different things: what the CA pronounced about a
/// certificate is counted and waited for per certificate; a CA that cannot be reached is a state
/// of the CA, waited for once for all, and counts against nobody.
namespace mesh::control {

/// The wait after the `attempts`-th counted failure in a row (1 = the first): 1, 10, 100 minutes,
/// then 24 h, or 6 h while the names have no valid certificate; ± 20 %.
[[nodiscard]] std::chrono::milliseconds back_off_wait(std::uint32_t attempts,
                                                      bool has_valid_certificate,
                                                      Jitter& jitter);

/// The longest wait back_off_wait can give; a stored time further ahead comes from a clock that
/// was wrong.
[[nodiscard]] std::chrono::milliseconds longest_back_off();

/// The wait before the `probe`-th probe of a CA that is away (1 = the first): 5 s doubling to
/// 5 minutes, ± 20 %.
[[nodiscard]] std::chrono::milliseconds probe_wait(std::uint32_t probe, Jitter& jitter);

/// While a certificate is valid no wait of ours may cost too much of its rest: the larger of a
/// quarter of the life left and a hundredth of the lifetime. Nothing without a valid one.
[[nodiscard]] std::optional<std::chrono::milliseconds> longest_wait(
    const std::optional<store::VersionFacts>& version, WallTime now);

/// When to try again after the `attempts`-th counted failure: the back-off, cut by longest_wait;
/// the CA's own Retry-After is never shortened.
[[nodiscard]] WallTime next_attempt(std::uint32_t attempts,
                                    const std::optional<store::VersionFacts>& version,
                                    std::optional<WallTime> retry_after,
                                    WallTime now,
                                    Jitter& jitter);

/// When to try again after the `waits`-th wait in a row that the CA asked for and that counts as no
/// failure: at its word the first time, after that not sooner than a probe would come.
[[nodiscard]] WallTime next_wait(std::uint32_t waits,
                                 const std::optional<store::VersionFacts>& version,
                                 std::optional<WallTime> retry_after,
                                 WallTime now,
                                 Jitter& jitter);

}  // namespace mesh::control

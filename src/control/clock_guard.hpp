#pragma once
#include "base/clock.hpp"

#include <chrono>
#include <optional>

namespace mesh::control {

/// How far the machine's date can be trusted. A wrong one makes every certificate look expired or
/// far from it, and must not turn into orders.
enum class ClockVerdict {
    right,
    suspicious,  ///< over 5 minutes off the CA's: certificates may be refused or held
    wrong,       ///< before this program was built, or over 24 h off the CA's: no orders
};

/// `ca_ahead`: the CA's clock minus ours at its last answer.
[[nodiscard]] inline ClockVerdict judge_clock(WallTime now,
                                              WallTime build_time,
                                              std::optional<std::chrono::milliseconds> ca_ahead) {
    if (now < build_time) return ClockVerdict::wrong;
    if (!ca_ahead) return ClockVerdict::right;
    const auto distance = std::chrono::abs(*ca_ahead);
    if (distance > std::chrono::hours{24}) return ClockVerdict::wrong;
    return distance > std::chrono::minutes{5} ? ClockVerdict::suspicious : ClockVerdict::right;
}

}  // namespace mesh::control

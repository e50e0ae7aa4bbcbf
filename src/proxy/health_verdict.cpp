#include "proxy/health_verdict.hpp"

#include <algorithm>

namespace mesh::proxy {

bool HealthVerdict::note(bool passed) {
    const bool is_first = decided_ == 0;
    decided_ = std::min(decided_ + 1, 2U);
    if (passed != down_) {
        in_a_row_ = 0;
        return false;
    }
    const unsigned wanted = is_first ? 1 : down_ ? successes_max : failures_max;
    if (++in_a_row_ < wanted) return false;
    in_a_row_ = 0;
    down_ = !down_;
    return true;
}

std::chrono::milliseconds HealthVerdict::pause(const model::HealthCheck& check,
                                               std::uint64_t random) const {
    const auto interval =
        down_ ? check.unhealthy_interval.value_or(check.interval) : check.interval;
    if (decided_ == 0 || in_a_row_ > 0) return std::min(interval, doubt_pause);
    if (decided_ > 1) return interval;
    const auto count = static_cast<std::uint64_t>(interval.count());
    return std::chrono::milliseconds(1 + random % count);
}

}  // namespace mesh::proxy

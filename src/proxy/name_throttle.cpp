#include "proxy/name_throttle.hpp"

#include <algorithm>

namespace mesh::proxy {

bool ChangeThrottle::allow(SteadyTime now) {
    constexpr SteadyTime::rep step = SteadyTime::duration(interval).count();
    const SteadyTime::rep present = now.time_since_epoch().count();
    SteadyTime::rep rested_at = rested_at_.load(std::memory_order_relaxed);
    for (;;) {
        const SteadyTime::rep later = std::max(rested_at, present) + step;
        if (later - present > at_once * step) return false;
        if (rested_at_.compare_exchange_weak(rested_at, later, std::memory_order_relaxed))
            return true;
    }
}

bool NameThrottle::allow(std::string_view name, SteadyTime now) {
    const auto [found, added] = last_.try_emplace(std::string(name), now);
    if (!added) {
        if (now - found->second < interval) return false;
        found->second = now;
        return true;
    }
    if (last_.size() <= names_max) return true;
    std::erase_if(last_, [&](const auto& entry) { return now - entry.second >= interval; });
    if (last_.size() <= names_max) return true;
    last_.erase(std::string(name));
    return false;
}

}  // namespace mesh::proxy

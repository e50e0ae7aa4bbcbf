#include "proxy/name_throttle.hpp"

namespace mesh::proxy {

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

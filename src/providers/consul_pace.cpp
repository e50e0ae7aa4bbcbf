#include "providers/consul_pace.hpp"

#include "config/quote.hpp"
#include "providers/consul_units.hpp"

#include <algorithm>
#include <utility>

namespace mesh::providers {

std::chrono::milliseconds ConsulPace::book() {
    const SteadyTime now = clock_.steady_now();
    const SteadyTime slot = std::max(next_, now - burst * per_request);
    next_ = slot + per_request;
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(slot - now),
                    std::chrono::milliseconds{0});
}

void ConsulPace::tell_not_blocking(std::string_view path, std::string_view why) {
    if (std::exchange(told_, true)) return;
    log_.warn(
        "provider_not_blocking",
        "blocking queries of Consul do not wait for changes: it is asked from time to time, "
        "and changes are seen later; is there a cache or proxy before it?",
        {{"provider", consul_provider_name}, {"path", config::printable(path)}, {"error", why}});
}

}  // namespace mesh::providers

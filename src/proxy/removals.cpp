#include "proxy/removals.hpp"

#include <algorithm>
#include <unordered_map>

namespace mesh::proxy {

namespace {

void add_routers(const EntryPointRoutes& entry_point,
                 std::unordered_map<Lifetime*, model::OnRemove>& out) {
    for (const auto* const routes : {&entry_point.tls_routes, &entry_point.plain_routes})
        for (const RoutePtr& route : *routes) out.emplace(route->lifetime.get(), route->on_remove);
}

}  // namespace

SteadyTime end_removed(const Snapshot& before,
                       const Snapshot& after,
                       SteadyTime now,
                       std::chrono::milliseconds grace) {
    std::unordered_map<Lifetime*, model::OnRemove> gone;
    for (const auto& entry_point : before.entry_points) {
        gone.emplace(entry_point->lifetime.get(), entry_point->on_remove);
        add_routers(*entry_point, gone);
    }
    std::unordered_map<Lifetime*, model::OnRemove> kept;
    for (const auto& entry_point : after.entry_points) {
        kept.emplace(entry_point->lifetime.get(), entry_point->on_remove);
        add_routers(*entry_point, kept);
    }
    SteadyTime first = SteadyTime::max();
    for (const auto& [lifetime, on_remove] : gone) {
        if (kept.contains(lifetime) || on_remove == model::OnRemove::keep) continue;
        lifetime->end_at(on_remove == model::OnRemove::close ? now : now + grace);
        first = std::min(first, lifetime->ends_at());
    }
    return first;
}

}  // namespace mesh::proxy

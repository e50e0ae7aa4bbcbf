#include "proxy/removals.hpp"

#include <algorithm>
#include <unordered_map>

namespace mesh::proxy {

namespace {

/// What becomes of the connections, and how long those that drain have.
struct End {
    model::OnRemove on_remove;
    std::chrono::milliseconds grace;
};
using Ends = std::unordered_map<Lifetime*, End>;

/// A router at several entry points has the longest of their times.
void add(const EntryPointRoutes& entry_point, std::chrono::milliseconds default_grace, Ends& out) {
    const std::chrono::milliseconds grace = entry_point.limits.grace.value_or(default_grace);
    out.emplace(entry_point.lifetime.get(), End{entry_point.on_remove, grace});
    for (const auto* const routes : {&entry_point.tls_routes, &entry_point.plain_routes})
        for (const RoutePtr& route : *routes) {
            End& end =
                out.emplace(route->lifetime.get(), End{route->on_remove, grace}).first->second;
            end.grace = std::max(end.grace, grace);
        }
}

}  // namespace

SteadyTime end_removed(const Snapshot& before,
                       const Snapshot& after,
                       SteadyTime now,
                       std::chrono::milliseconds grace) {
    Ends gone;
    for (const auto& entry_point : before.entry_points) add(*entry_point, grace, gone);
    Ends kept;
    for (const auto& entry_point : after.entry_points) add(*entry_point, grace, kept);
    SteadyTime first = SteadyTime::max();
    for (const auto& [lifetime, end] : gone) {
        if (kept.contains(lifetime) || end.on_remove == model::OnRemove::keep) continue;
        lifetime->end_at(end.on_remove == model::OnRemove::close ? now : now + end.grace);
        first = std::min(first, lifetime->ends_at());
    }
    return first;
}

}  // namespace mesh::proxy

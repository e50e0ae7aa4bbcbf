#include "proxy/routing_view.hpp"

#include <algorithm>

namespace mesh::proxy {

namespace {

const EntryPointRoutes& routes_named(const Snapshot& snapshot, const std::string& name) {
    static const EntryPointRoutes no_routes{};
    const auto found = std::find_if(snapshot.entry_points.begin(),
                                    snapshot.entry_points.end(),
                                    [&](const EntryPointRoutes& e) { return e.name == name; });
    return found != snapshot.entry_points.end() ? *found : no_routes;
}

}  // namespace

Result<std::shared_ptr<const RoutingView>> PolicyCache::make_view(
    std::shared_ptr<const Snapshot> snapshot, const std::vector<std::string>& names) {
    auto view = std::make_shared<RoutingView>();
    std::map<tls::PolicySettings, std::shared_ptr<const tls::Policy>> in_use;
    for (const EntryPointRoutes& entry_point : snapshot->entry_points) {
        for (const RoutePtr& route : entry_point.tls_routes) {
            if (!route->policy || view->policies.count(route->policy.get()) != 0) continue;
            std::shared_ptr<const tls::Policy>& policy = in_use[*route->policy];
            if (const auto kept = by_content_.find(*route->policy); kept != by_content_.end()) {
                policy = kept->second;
            }
            if (!policy) {
                auto made = tls::Policy::make(*route->policy, tickets_);
                if (!made) return with_context("router " + route->router, made.error());
                policy = *made;
            }
            view->policies.emplace(route->policy.get(), policy);
        }
    }
    for (const std::string& name : names) {
        view->entry_points.push_back(&routes_named(*snapshot, name));
    }
    view->snapshot = std::move(snapshot);
    by_content_ = std::move(in_use);
    return std::shared_ptr<const RoutingView>(std::move(view));
}

}  // namespace mesh::proxy

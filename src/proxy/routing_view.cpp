#include "proxy/routing_view.hpp"

namespace mesh::proxy {

Result<std::shared_ptr<const RoutingView>> PolicyCache::make_view(
    std::shared_ptr<const Snapshot> snapshot) {
    auto view = std::make_shared<RoutingView>();
    std::map<tls::PolicySettings, std::shared_ptr<const tls::Policy>> in_use;
    for (const auto& entry_point : snapshot->entry_points) {
        view->entry_points.emplace(entry_point->lifetime.get(), entry_point.get());
        for (const RoutePtr& route : entry_point->tls_routes) {
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
    view->snapshot = std::move(snapshot);
    by_content_ = std::move(in_use);
    return std::shared_ptr<const RoutingView>(std::move(view));
}

}  // namespace mesh::proxy

#pragma once
#include "proxy/snapshot.hpp"
#include "tls/policy.hpp"

#include <memory>
#include <unordered_map>
#include <vector>

namespace mesh::proxy {

/// What one worker routes by: the snapshot shared by all, and the TLS contexts that are its own.
struct RoutingView {
    std::shared_ptr<const Snapshot> snapshot;
    std::unordered_map<const Lifetime*, const EntryPointRoutes*> entry_points;
    std::unordered_map<const tls::PolicySettings*, std::shared_ptr<const tls::Policy>> policies;
};

/// Makes and keeps one worker's TLS contexts by their content: a policy that did not change keeps
/// its context over reloads, and with it nothing of its tickets is lost. Used by whoever applies
/// snapshots, one thread at a time.
class PolicyCache {
 public:
    explicit PolicyCache(std::shared_ptr<tls::TicketKeys> tickets) : tickets_(std::move(tickets)) {}

    /// Errors: a policy the TLS library refuses.
    [[nodiscard]] Result<std::shared_ptr<const RoutingView>> make_view(
        std::shared_ptr<const Snapshot> snapshot);

 private:
    std::shared_ptr<tls::TicketKeys> tickets_;
    std::map<tls::PolicySettings, std::shared_ptr<const tls::Policy>> by_content_;
};

}  // namespace mesh::proxy

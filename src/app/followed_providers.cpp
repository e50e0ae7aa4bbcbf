#include "app/followed_providers.hpp"

#include <algorithm>
#include <utility>

namespace mesh::app {

/// Timers hold it weakly: it may be gone when they are due.
struct FollowedProviders::Follower {
    explicit Follower(std::string called) : name(std::move(called)) {}

    std::string name;
    std::unique_ptr<providers::Provider> provider;
    config::InventoryPtr latest;
    config::InventoryPtr applied;
    SteadyTime may_read = SteadyTime::min();  ///< not before
    bool reads_later = false;
    bool reads_anyway = false;  ///< until that is applied, whatever is reported meanwhile
};

FollowedProviders::FollowedProviders(Executor& executor,
                                     const Clock& clock,
                                     Makers makers,
                                     Wishes wishes)
    : executor_(executor),
      clock_(clock),
      makers_(std::move(makers)),
      wishes_(std::move(wishes)),
      docker_(std::make_shared<Follower>("docker")),
      consul_(std::make_shared<Follower>("consulcatalog")) {}

FollowedProviders::~FollowedProviders() = default;

bool FollowedProviders::follow(const model::Configuration& configuration) {
    throttle_ = configuration.providers_throttle;
    const bool docker =
        follow_one(*docker_, configuration.docker, docker_settings_, makers_.docker);
    const bool consul = follow_one(
        *consul_, configuration.consul_catalog, consul_settings_, makers_.consul_catalog);
    return docker || consul;
}

void FollowedProviders::stop() {
    (void)follow({});
}

template <class Settings, class Make>
bool FollowedProviders::follow_one(Follower& follower,
                                   const std::optional<Settings>& settings,
                                   std::optional<Settings>& current,
                                   const Make& make) {
    if (settings == current) return false;
    current = settings;
    follower.provider.reset();
    if (!settings) {
        follower.latest.reset();
        follower.applied.reset();
        follower.reads_anyway = false;
        return false;
    }
    follower.provider = make(*settings, [this, &follower](config::InventoryPtr inventory) {
        reported(follower, std::move(inventory));
    });
    return true;
}

void FollowedProviders::reported(Follower& follower, config::InventoryPtr inventory) {
    follower.latest = std::move(inventory);
    tell(follower);
}

void FollowedProviders::tell(Follower& follower) {
    if (!follower.latest || follower.latest == follower.applied) return;
    const bool defines_nothing = !follower.applied && follower.latest->units.empty();
    if (defines_nothing ||
        (follower.applied && config::same_definitions(*follower.applied, *follower.latest))) {
        const config::InventoryPtr before = std::exchange(follower.applied, follower.latest);
        wishes_.change_servers(follower.latest);
        if (!before || !config::differ_in_presence(*before, *follower.latest)) return;
        follower.reads_anyway = true;
    }
    read_when_due(follower);
}

/// The first at once, then one per throttle: what comes meanwhile is in the next.
void FollowedProviders::read_when_due(Follower& follower) {
    if (follower.reads_later) return;
    const SteadyTime now = clock_.steady_now();
    if (now >= follower.may_read) {
        follower.may_read = now + throttle_;
        return wishes_.read();
    }
    follower.reads_later = true;
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(follower.may_read - now);
    const auto& shared = &follower == docker_.get() ? docker_ : consul_;
    executor_.post_after(pause, [this, weak = std::weak_ptr<Follower>(shared)] {
        const auto later = weak.lock();
        if (!later) return;
        later->reads_later = false;
        later->reads_anyway ? read_when_due(*later) : tell(*later);
    });
}

std::vector<config::InventoryPtr> FollowedProviders::inventories() const {
    std::vector<config::InventoryPtr> all;
    for (const Follower* follower : followers())
        if (follower->latest) all.push_back(follower->latest);
    return all;
}

std::vector<config::InventoryPtr> FollowedProviders::freshest(
    std::vector<config::InventoryPtr> inventories) const {
    for (config::InventoryPtr& inventory : inventories)
        for (const Follower* follower : followers())
            if (follower->latest && config::same_definitions(*follower->latest, *inventory) &&
                !config::differ_in_presence(*follower->latest, *inventory))
                inventory = follower->latest;
    return inventories;
}

bool FollowedProviders::are_applied(const std::vector<config::InventoryPtr>& inventories) const {
    const auto all = followers();
    return std::all_of(inventories.begin(), inventories.end(), [&](const auto& inventory) {
        return std::any_of(all.begin(), all.end(), [&](const Follower* follower) {
            return follower->applied == inventory;
        });
    });
}

bool FollowedProviders::all_applied() const {
    const auto all = followers();
    return std::all_of(all.begin(), all.end(), [](const Follower* follower) {
        return !follower->provider || (follower->latest && follower->latest == follower->applied);
    });
}

void FollowedProviders::applied(const std::vector<config::InventoryPtr>& inventories) {
    for (Follower* follower : followers()) {
        // What a reading had of one that it does away with is nothing any more.
        if (!follower->provider) continue;
        follower->reads_anyway = false;
        for (const config::InventoryPtr& inventory : inventories)
            if (inventory->provider == follower->name) follower->applied = inventory;
        tell(*follower);
    }
}

bool FollowedProviders::has_news() const {
    const auto all = followers();
    return std::any_of(all.begin(), all.end(), [](const Follower* follower) {
        return follower->reads_anyway ||
               (follower->latest && follower->latest != follower->applied);
    });
}

bool FollowedProviders::are_about_to_report() const {
    const auto all = followers();
    return std::any_of(all.begin(), all.end(), [](const Follower* follower) {
        return follower->provider && !follower->latest && follower->provider->state().reachable;
    });
}

std::vector<FollowedProvider> FollowedProviders::states() const {
    std::vector<FollowedProvider> states;
    for (const Follower* follower : followers())
        if (follower->provider) states.push_back({follower->name, follower->provider->state()});
    return states;
}

std::vector<FollowedProviders::Follower*> FollowedProviders::followers() const {
    return {docker_.get(), consul_.get()};
}

}  // namespace mesh::app

#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "config/inventory.hpp"
#include "model/configuration.hpp"
#include "providers/provider.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::app {

/// How a provider gets on, for people.
struct FollowedProvider {
    std::string name;  ///< "docker"
    providers::ProviderState state;
};

/// The daemons that the configuration in force names as providers, and what each reported last.
/// Decides what a report is worth: other labels are another configuration, which is read at most
/// once per throttle; other servers alone are told at once. On the executor.
class FollowedProviders {
 public:
    struct Makers {
        std::function<std::unique_ptr<providers::Provider>(const model::DockerProvider&,
                                                           providers::Report)>
            docker;
        std::function<std::unique_ptr<providers::Provider>(const model::ConsulCatalogProvider&,
                                                           providers::Report)>
            consul_catalog;
    };
    struct Wishes {
        /// The configuration is to be read anew with inventories().
        std::function<void()> read;
        /// Servers alone have changed since the inventory that is applied, or the first one
        /// defines nothing.
        std::function<void(const config::InventoryPtr&)> change_servers;
    };

    FollowedProviders(Executor& executor, const Clock& clock, Makers makers, Wishes wishes);
    ~FollowedProviders();
    FollowedProviders(const FollowedProviders&) = delete;
    FollowedProviders& operator=(const FollowedProviders&) = delete;

    /// Follows what this configuration names from now on. A provider whose settings are the same
    /// goes on; of one whose settings differ the last inventory stays until it reports anew. True
    /// if there is a new one.
    bool follow(const model::Configuration& configuration);
    /// Nothing is followed or told any more.
    void stop();

    /// What each reported last.
    [[nodiscard]] std::vector<config::InventoryPtr> inventories() const;
    /// What to apply of a configuration read with these: the newest ones with the same labels.
    [[nodiscard]] std::vector<config::InventoryPtr> freshest(
        std::vector<config::InventoryPtr> inventories) const;
    /// A configuration read with these is in force: what came since is told.
    void applied(const std::vector<config::InventoryPtr>& inventories);
    [[nodiscard]] bool are_applied(const std::vector<config::InventoryPtr>& inventories) const;
    /// Whether what was reported is not what is applied.
    [[nodiscard]] bool has_news() const;
    /// Whether what each provider reported is in force; false until each has reported.
    [[nodiscard]] bool all_applied() const;

    /// Whether one that has not reported yet answers.
    [[nodiscard]] bool are_about_to_report() const;
    [[nodiscard]] std::vector<FollowedProvider> states() const;

 private:
    struct Follower;
    template <class Settings, class Make>
    bool follow_one(Follower& follower,
                    const std::optional<Settings>& settings,
                    std::optional<Settings>& current,
                    const Make& make);
    void reported(Follower& follower, config::InventoryPtr inventory);
    void tell(Follower& follower);
    void read_when_due(Follower& follower);
    [[nodiscard]] std::vector<Follower*> followers() const;

    Executor& executor_;
    const Clock& clock_;
    Makers makers_;
    Wishes wishes_;
    std::chrono::milliseconds throttle_ = model::providers_throttle_default;
    std::optional<model::DockerProvider> docker_settings_;
    std::optional<model::ConsulCatalogProvider> consul_settings_;
    std::shared_ptr<Follower> docker_;
    std::shared_ptr<Follower> consul_;
};

}  // namespace mesh::app

#pragma once
#include "base/clock.hpp"
#include "config/inventory.hpp"
#include "model/providers.hpp"
#include "providers/back_off.hpp"
#include "providers/consul_bells.hpp"
#include "providers/consul_pace.hpp"
#include "providers/consul_query.hpp"
#include "providers/consul_sweep.hpp"
#include "providers/consul_units.hpp"
#include "providers/consul_wire.hpp"
#include "providers/provider.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mesh::providers {

/// Services that are followed by a blocking query each. Consul refuses a client's connections
/// beyond `limits.http_max_conns_per_client`, 200 unless it is set: room is left for the
/// catalogue, the bells, the sweep and others on this host.
inline constexpr std::size_t consul_own_queries_max = 160;

/// After an answer to a blocking query the next is asked not sooner, and inventories are reported
/// no closer than this. Longer where there is much to read. A service that flaps for longer is
/// asked for four times a second (ConsulQuery), and all of them together cost 200 requests a second
/// at most (ConsulPace).
[[nodiscard]] constexpr std::chrono::milliseconds consul_pause(std::size_t services) {
    return std::chrono::milliseconds{50 + services / 40};
}

/// Follows a catalogue: one blocking query on the list of services, one on each service of
/// interest. What one service does wakes that service alone. Services beyond
/// `consul_own_queries_max` are read when one of their checks changes state, and swept when the
/// list changes. Without `watch` all are swept every `refresh_interval`.
class ConsulProvider final : public Provider {
 public:
    ConsulProvider(const model::ConsulCatalogProvider& settings,
                   const Surroundings& surroundings,
                   Report report);
    [[nodiscard]] ProviderState state() const override { return state_; }

 private:
    struct Service {
        std::unique_ptr<ConsulQuery> query;
        bool own = false;      ///< has a blocking query; else it is swept
        bool settled = false;  ///< read once, or failed too often to be waited for
        bool read = false;
        int failures = 0;  ///< in a row
        BackOff back_off;
        std::vector<ConsulInstance> instances;
        ConsulUnits made;
    };

    void take_catalog(Result<http::Response> answer);
    void lose_patience();
    void lose(const Error& error);
    void regain();
    void follow(const ConsulCatalog& catalog);
    void drop_unwanted(const ConsulCatalog& catalog);
    void adopt(const std::string& name);
    void give_own_queries();
    void wake_all();
    void hang_bells();
    void hear(const ConsulCheck& check);
    void sweep_all();
    void take_service(const std::string& name, Result<http::Response> answer);
    void fail_service(const std::string& name, Service& service, const Error& error);
    void remake(const std::string& name, Service& service, std::vector<ConsulInstance> instances);
    void settle(Service& service);
    void touch();
    void report();
    [[nodiscard]] std::shared_ptr<config::Inventory> inventory() const;
    [[nodiscard]] std::chrono::milliseconds pause() const { return consul_pause(seen_); }
    void later(std::chrono::milliseconds pause, void (ConsulProvider::*task)());
    void begin();

    const model::ConsulCatalogProvider settings_;
    const Surroundings surroundings_;
    const Report report_;
    ConsulPace pace_;
    ProviderState state_;
    bool known_ = false;  ///< whether the agent's state has been logged once
    bool limit_told_ = false;
    bool catalog_read_ = false;
    std::size_t unsettled_before_ = 0;  ///< when that was looked at last
    bool lost_patience_ = false;        ///< with services whose first reading does not end
    std::size_t seen_ = 0;              ///< services in the catalogue
    std::size_t unsettled_ = 0;         ///< of those followed
    std::size_t own_queries_ = 0;
    BackOff back_off_;
    std::map<std::string, Service, std::less<>> services_;
    std::string default_rule_trouble_;  ///< logged last
    bool report_planned_ = false;
    SteadyTime next_report_{};
    config::InventoryPtr reported_;
    ConsulSweep sweep_;
    ConsulBells bells_;
    ConsulQuery catalog_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace mesh::providers

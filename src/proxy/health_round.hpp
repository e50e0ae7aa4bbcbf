#pragma once
#include "base/log.hpp"
#include "proxy/health_checks.hpp"
#include "proxy/health_probe.hpp"
#include "proxy/health_verdict.hpp"
#include "proxy/look_order.hpp"
#include "proxy/name_throttle.hpp"

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace mesh::proxy {

/// The looks themselves, as the one thread of HealthChecks makes them: who is looked at when, what
/// comes of it, and who is told.
class HealthRound {
 public:
    HealthRound(Log& log, const HealthChecks::Settings& settings)
        : log_(log), order_(settings.at_once), random_(settings.seed) {}
    HealthRound(const HealthRound&) = delete;
    HealthRound& operator=(const HealthRound&) = delete;

    /// These and no others from now on.
    void replace(std::vector<CheckedServer> servers);
    /// Addresses of a name; none: nobody is called so any more.
    void learn(const std::string& host, std::vector<std::string> literals);
    void begin_due();
    /// Until something happens on a descriptor, `bell` among them, or in time.
    void wait(int bell);

 private:
    struct Service;
    /// A server, and what was found of it.
    struct Item : LookOrder::Look {
        Service* service = nullptr;
        CheckedServer server;
        SteadyTime begun;
        HealthVerdict verdict;
        bool is_wanted = false;  ///< while the list is replaced
        bool is_drained = false;
        std::unique_ptr<HealthProbe> probe;
    };
    struct Service : LookOrder::Lane {
        std::string name;
        std::map<ServerState*, Item> items;
        std::size_t serving = 0;  ///< those that are not drained
        std::size_t down = 0;     ///< of these
        bool is_dark = false;     ///< all of them, which has been said
    };

    void take(Service& service, Item& item, CheckedServer server);
    void drop_unwanted(Service& service);
    void forget(Item& item);
    void look_at(Item& item, SteadyTime when);
    [[nodiscard]] HealthProbe::Dialogue dialogue_for(const CheckedServer& server) const;
    void begin(Item& item, SteadyTime now);
    void conclude(Item& item, HealthProbe::State result);
    void tell(const Item& item, const std::string& reason);
    void tell_of_service(Service& service);
    void tell_undecided(const Item& item, const std::string& reason);
    void tell_late(SteadyTime now);

    Log& log_;
    std::map<std::string, Service> services_;
    LookOrder order_;
    std::vector<Item*> running_;
    std::map<std::string, std::vector<std::string>> addresses_;
    std::map<std::string, std::set<Item*>> by_host_;
    std::mt19937_64 random_;
    NameThrottle unresolved_lines_;
    NameThrottle undecided_lines_;
    NameThrottle late_lines_;
};

}  // namespace mesh::proxy

#include "providers/consul_provider.hpp"

#include "config/quote.hpp"
#include "providers/endpoint.hpp"
#include "providers/same_instances.hpp"

#include <algorithm>
#include <utility>

namespace mesh::providers {
namespace {

constexpr std::size_t catalog_size_max = std::size_t{16} << 20;
constexpr std::size_t instances_size_max = std::size_t{8} << 20;
/// Failures in a row after which the first inventory no longer waits for a service.
constexpr int failures_to_settle = 3;
/// A blocking query on a service without instances wakes whenever any service changes.
constexpr std::chrono::milliseconds pause_without_instances{1'000};
constexpr std::chrono::milliseconds at_once{0};
constexpr std::chrono::milliseconds patience_at_start{5'000};
constexpr std::size_t name_shown_max = 128;

}  // namespace

ConsulProvider::ConsulProvider(const model::ConsulCatalogProvider& settings,
                               const Surroundings& surroundings,
                               Report report)
    : settings_(settings),
      surroundings_(surroundings),
      report_(std::move(report)),
      pace_(surroundings.clock, surroundings.log),
      sweep_(surroundings.executor,
             surroundings.clock,
             [this](const std::string& name) {
                 services_.find(name)->second.query->read_after(at_once);
             }),
      bells_(settings_,
             surroundings_,
             pace_,
             {[this](const ConsulCheck& check) { hear(check); }, [this] { sweep_all(); }}),
      catalog_(settings_,
               surroundings_,
               pace_,
               {"/v1/catalog/services", catalog_size_max},
               [this](Result<http::Response> answer) { take_catalog(std::move(answer)); }) {
    state_.since = surroundings.clock.now();
    state_.reason = "it has not answered yet";
    later(at_once, &ConsulProvider::begin);
}

void ConsulProvider::begin() {
    catalog_.read_after(at_once);
}

void ConsulProvider::take_catalog(Result<http::Response> answer) {
    if (catalog_.waited_long() || (answer && (catalog_.watched() || !settings_.watch)))
        back_off_.reset();
    // What cuts or refuses those that wait may let others pass.
    if (!answer && catalog_.watched())
        return catalog_.read_after(catalog_.waited_long() ? at_once : back_off_.next());
    if (!answer) return lose(answer.error());
    const auto catalog = read_consul_catalog(answer->body);
    if (!catalog) return lose(catalog.error());
    seen_ = catalog->size();
    regain();
    follow(*catalog);
    if (!std::exchange(catalog_read_, true))
        later(patience_at_start, &ConsulProvider::lose_patience);
    touch();
    if (settings_.watch)
        catalog_.watch_after(pause());
    else
        catalog_.read_after(settings_.refresh_interval);
}

/// What is read counts when nothing more comes: one that hangs must not hold up the others.
void ConsulProvider::lose_patience() {
    if (reported_) return;
    const bool progresses = unsettled_ != unsettled_before_;
    unsettled_before_ = unsettled_;
    if (!state_.reachable || progresses)
        return later(patience_at_start, &ConsulProvider::lose_patience);
    lost_patience_ = true;
    touch();
}

/// One probe is enough while the agent does not answer; what it said last stays.
void ConsulProvider::lose(const Error& error) {
    sweep_.clear();
    bells_.take_down();
    for (auto& [name, service] : services_) {
        service.query->stop();
        service.failures = 0;
        service.back_off.reset();
    }
    if (state_.reachable || !known_) {
        state_.since = surroundings_.clock.now();
        surroundings_.log.warn("provider_down",
                               "Consul cannot be read; what it said last stays",
                               {{"provider", consul_provider_name},
                                {"endpoint", describe(settings_.endpoint)},
                                {"error", error.message}});
    }
    known_ = true;
    state_.reachable = false;
    state_.reason = error.message;
    catalog_.read_after(back_off_.next());
}

void ConsulProvider::regain() {
    if (std::exchange(state_.reachable, true)) return;
    known_ = true;
    state_.reason.clear();
    state_.since = surroundings_.clock.now();
    surroundings_.log.info("provider_up",
                           "Consul answers",
                           {{"provider", consul_provider_name},
                            {"endpoint", describe(settings_.endpoint)},
                            {"services", static_cast<std::uint64_t>(seen_)}});
}

void ConsulProvider::follow(const ConsulCatalog& catalog) {
    drop_unwanted(catalog);
    for (const auto& [name, tags] : catalog)
        if (services_.count(name) == 0 && is_wanted(tags, settings_)) adopt(name);
    give_own_queries();
    wake_all();
    hang_bells();
}

void ConsulProvider::drop_unwanted(const ConsulCatalog& catalog) {
    for (auto at = services_.begin(); at != services_.end();) {
        const auto listed = catalog.find(at->first);
        if (listed != catalog.end() && is_wanted(listed->second, settings_)) {
            ++at;
            continue;
        }
        settle(at->second);
        if (at->second.own) --own_queries_;
        sweep_.forget(at->first);
        at = services_.erase(at);
    }
}

void ConsulProvider::adopt(const std::string& name) {
    Service& service = services_[name];
    ++unsettled_;
    service.query = std::make_unique<ConsulQuery>(
        settings_,
        surroundings_,
        pace_,
        ConsulQuery::About{health_path(name), instances_size_max},
        [this, name](Result<http::Response> answer) { take_service(name, std::move(answer)); });
}

void ConsulProvider::give_own_queries() {
    if (!settings_.watch) return;
    for (auto& [name, service] : services_) {
        if (own_queries_ == consul_own_queries_max) break;
        if (service.own) continue;
        sweep_.forget(name);
        service.query->stop();
        service.own = true;
        ++own_queries_;
    }
    if (services_.size() <= consul_own_queries_max || std::exchange(limit_told_, true)) return;
    surroundings_.log.warn(
        "provider_limited",
        "more services than mesh has connections to Consul for: changes of the others are seen "
        "later; let constraints take fewer, as Consul's "
        "limits.http_max_conns_per_client (200) bounds connections",
        {{"provider", consul_provider_name},
         {"services", static_cast<std::uint64_t>(services_.size())},
         {"followed_one_by_one", static_cast<std::uint64_t>(consul_own_queries_max)}});
}

/// Services that are new, or come back with the agent, begin to be read; those that are swept may
/// have changed.
void ConsulProvider::wake_all() {
    for (auto& [name, service] : services_) {
        if (!service.own)
            sweep_.add(name);
        else if (service.query->idle())
            service.query->read_after(at_once);
    }
}

void ConsulProvider::hang_bells() {
    if (!settings_.watch || services_.size() == own_queries_) return bells_.take_down();
    if (!bells_.hung()) bells_.hang();
}

void ConsulProvider::hear(const ConsulCheck& check) {
    if (!check.service.empty()) {
        const auto found = services_.find(check.service);
        if (found != services_.end() && !found->second.own) sweep_.add_first(check.service);
        return;
    }
    for (auto& [name, service] : services_) {
        const auto& all = service.instances;
        if (!service.own && std::any_of(all.begin(), all.end(), [&](const ConsulInstance& one) {
                return one.node == check.node;
            }))
            sweep_.add_first(name);
    }
}

void ConsulProvider::sweep_all() {
    for (auto& [name, service] : services_)
        if (!service.own) sweep_.add(name);
}

void ConsulProvider::take_service(const std::string& name, Result<http::Response> answer) {
    Service& service = services_.find(name)->second;
    if (service.query->waited_long() || (answer && service.query->watched()))
        service.back_off.reset();
    if (!answer && service.query->watched())
        return service.query->read_after(service.back_off.next());
    auto instances = answer ? read_consul_instances(answer->body)
                            : Result<std::vector<ConsulInstance>>(answer.error());
    if (!instances) return fail_service(name, service, instances.error());
    service.failures = 0;
    if (!std::exchange(service.read, true) || *instances != service.instances)
        remake(name, service, std::move(*instances));
    settle(service);
    if (!service.own)
        sweep_.done(name, true);
    else
        service.query->watch_after(service.instances.empty() ? pause_without_instances
                                                             : consul_pause(0));
}

/// Its last instances stay. Told at the second failure: the first may be the agent's end, of which
/// the catalogue's query hears at the same time.
void ConsulProvider::fail_service(const std::string& name, Service& service, const Error& error) {
    if (++service.failures == 2)
        surroundings_.log.warn("provider_service_unread",
                               "a service cannot be read; its last instances stay",
                               {{"provider", consul_provider_name},
                                {"service", config::printable(name, name_shown_max)},
                                {"error", error.message}});
    if (service.failures >= failures_to_settle) settle(service);
    if (!service.own)
        sweep_.done(name, false);
    else
        service.query->read_after(service.back_off.next());
}

void ConsulProvider::remake(const std::string& name,
                            Service& service,
                            std::vector<ConsulInstance> instances) {
    service.instances = std::move(instances);
    service.made = units_of(name, service.instances, settings_);
    const std::string& trouble = service.made.trouble;
    if (!trouble.empty() && trouble != default_rule_trouble_) {
        default_rule_trouble_ = trouble;
        surroundings_.log.warn("provider_default_rule",
                               "the default rule cannot be filled in",
                               {{"provider", consul_provider_name},
                                {"service", config::printable(name, name_shown_max)},
                                {"error", trouble}});
    }
    touch();
}

void ConsulProvider::settle(Service& service) {
    if (std::exchange(service.settled, true)) return;
    --unsettled_;
    touch();
}

/// Something may have to be reported: at once, or when the pause since the last report is over.
void ConsulProvider::touch() {
    const bool complete = reported_ || (catalog_read_ && (unsettled_ == 0 || lost_patience_));
    if (report_planned_ || !complete) return;
    report_planned_ = true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        next_report_ - surroundings_.clock.steady_now());
    later(std::max(left, at_once), &ConsulProvider::report);
}

void ConsulProvider::report() {
    report_planned_ = false;
    const auto now = inventory();
    next_report_ = surroundings_.clock.steady_now() + pause();
    if (reported_ && config::same_definitions(*reported_, *now) && same_instances(*reported_, *now))
        return;
    reported_ = now;
    state_.units = now->units.size();
    report_(now);
}

std::shared_ptr<config::Inventory> ConsulProvider::inventory() const {
    auto all = std::make_shared<config::Inventory>();
    all->provider = consul_provider_name;
    all->left_out = seen_ - std::min(seen_, services_.size());
    for (const auto& [name, service] : services_) {
        all->left_out += service.made.left_out;
        all->units.insert(all->units.end(), service.made.units.begin(), service.made.units.end());
    }
    config::sort_units(all->units);
    return all;
}

void ConsulProvider::later(std::chrono::milliseconds pause, void (ConsulProvider::*task)()) {
    surroundings_.executor.post_after(pause,
                                      [this, task, alive = std::weak_ptr<const bool>(alive_)] {
                                          if (!alive.expired()) (this->*task)();
                                      });
}

std::unique_ptr<Provider> make_consul_catalog(const model::ConsulCatalogProvider& settings,
                                              const Surroundings& surroundings,
                                              Report report) {
    return std::make_unique<ConsulProvider>(settings, surroundings, std::move(report));
}

}  // namespace mesh::providers

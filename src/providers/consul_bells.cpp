#include "providers/consul_bells.hpp"

#include "providers/consul_sweep.hpp"
#include "providers/consul_units.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mesh::providers {
namespace {

constexpr std::size_t checks_size_max = std::size_t{16} << 20;

/// Checks entering or leaving these states may put an instance in or out of the pool.
std::vector<std::string> states_that_matter(const std::set<model::CheckStatus>& served) {
    using model::CheckStatus;
    std::vector<std::string> states;
    if (served.size() < 3) states.emplace_back("critical");
    if (served.count(CheckStatus::warning) != served.count(CheckStatus::passing))
        states.emplace_back("warning");
    return states;
}

}  // namespace

ConsulBells::ConsulBells(const model::ConsulCatalogProvider& settings,
                         const Surroundings& surroundings,
                         ConsulPace& pace,
                         Heard heard)
    : settings_(settings), surroundings_(surroundings), pace_(pace), heard_(std::move(heard)) {}

void ConsulBells::hang() {
    for (const std::string& state : states_that_matter(settings_.strict_checks)) {
        bells_.push_back(std::make_unique<Bell>());
        Bell& bell = *bells_.back();
        bell.query = std::make_unique<ConsulQuery>(
            settings_,
            surroundings_,
            pace_,
            ConsulQuery::About{"/v1/health/state/" + state, checks_size_max},
            [this, &bell](const Result<http::Response>& answer) { take(bell, answer); });
        bell.query->read_after(std::chrono::milliseconds{0});
    }
}

void ConsulBells::take(Bell& bell, const Result<http::Response>& answer) {
    auto checks =
        answer ? read_consul_checks(answer->body) : Result<std::set<ConsulCheck>>(answer.error());
    if (!checks) return fail(bell, checks.error());
    compare(bell, std::move(*checks));
    bell.query->watch_after(ConsulSweep::period);
}

/// What changed with the answer before is told again: it may have changed back and forth since, and
/// have been read in between.
void ConsulBells::compare(Bell& bell, std::set<ConsulCheck> now) {
    std::vector<ConsulCheck> changed;
    std::set_symmetric_difference(now.begin(),
                                  now.end(),
                                  bell.checks.begin(),
                                  bell.checks.end(),
                                  std::back_inserter(changed));
    bell.checks = std::move(now);
    const auto before = std::exchange(bell.changed, changed);
    if (!std::exchange(bell.known, true)) return heard_.anything();
    std::set<ConsulCheck> told;
    for (const auto* list : {&std::as_const(changed), &before})
        for (const ConsulCheck& check : *list) told.insert({check.node, {}, check.service, 0});
    for (const ConsulCheck& check : told) heard_.check(check);
}

/// A proxy that cuts what waits has told nothing, and is asked what is now. One that lets nobody
/// ask leaves only reading everything from time to time.
void ConsulBells::fail(Bell& bell, const Error& error) {
    if (bell.query->waited_long()) return bell.query->read_after(ConsulSweep::period);
    bell.known = false;
    heard_.anything();
    bell.query->read_after(
        std::max<std::chrono::milliseconds>(settings_.refresh_interval, BackOff::last));
    if (std::exchange(told_, true)) return;
    surroundings_.log.warn("provider_checks_unread",
                           "the states of checks cannot be read: the health of services without a "
                           "query of their own is read from time to time",
                           {{"provider", consul_provider_name}, {"error", error.message}});
}

}  // namespace mesh::providers

#include "fault/support/simulation.hpp"

#include "base/time_text.hpp"
#include "control/schedule.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <ostream>
#include <set>

namespace mesh::fault {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Span {
    WallTime from;
    WallTime to;
};

class Simulation {
 public:
    explicit Simulation(const Plan& plan)
        : plan_(plan), weather_(plan.seed), chance_(plan.seed + 1'000) {
        for (std::size_t i = 0; i < plan.lifetimes.size(); ++i) {
            const std::string name = "n" + std::to_string(i) + ".example";
            site_.add({name});
            lifetimes_[name] = plan.lifetimes[i];
        }
        site_.ca.manners.verifies_signatures = false;  // the cases look at those
        const auto shortest = *std::min_element(plan.lifetimes.begin(), plan.lifetimes.end());
        step_ = std::min<milliseconds>(shortest / 20, hours{1});
        site_.ca.spoil = [this](Issuer::Leaf& leaf) {
            leaf.not_after = leaf.not_before + lifetimes_.at(leaf.names.front());
        };
        site_.ca.script.on_all().by([this](const Asked& asked, const Execute& execute) {
            note(asked);
            return perhaps(execute);
        });
    }

    Outcome run() {
        const auto begin = std::chrono::steady_clock::now();
        const WallTime end = site_.clock.now() + plan_.span;
        site_.start();
        while (site_.clock.now() < end) {
            live_for(until_next_outage(), end);
            go_away(end);
        }
        for (const auto& [id, served] : site_.publisher->served)
            if (served.entry->not_after < site_.clock.now())
                gap(served.entry->names.front().text(), served.entry->not_after);
        outcome_.orders = site_.ca.seen.orders_made;
        outcome_.requests = site_.ca.seen.total();
        outcome_.failures = site_.log.count("order_failed");
        outcome_.took =
            std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
        return outcome_;
    }

 private:
    using Chance = std::mt19937_64;
    static double share(Chance& chance) { return std::uniform_real_distribution<>{}(chance); }
    milliseconds until_next_outage() {
        return milliseconds{static_cast<milliseconds::rep>(
            share(weather_) * 2 * static_cast<double>(plan_.between_outages.count()))};
    }

    /// What mesh does for a name, or (no name) for all.
    void note(const Asked& asked) {
        requests_[asked.names.empty() ? std::string() : asked.names.front()].insert(
            site_.clock.now());
    }

    /// What goes wrong at random, and how.
    Reply perhaps(const Execute& execute) {
        if (share(chance_) >= plan_.faults) return execute();
        ++outcome_.faults;
        switch (std::uniform_int_distribution<>{0, 5}(chance_)) {
            case 0:
                return web_page(502);
            case 1:
                return problem(500, "serverInternal", "oops");
            case 2:
                return problem(400, "malformed", "not today");
            case 3: {
                Reply lost = execute();
                lost.lost = true;
                return lost;
            }
            case 4: {
                Reply cut = execute();
                cut.cut = 10;
                return cut;
            }
            default: {
                Reply slow = execute();
                slow.delay = seconds{40};  // longer than anybody waits
                return slow;
            }
        }
    }

    void go_away(WallTime end) {
        const auto length = hours{std::uniform_int_distribution<>{1, 72}(weather_)};
        ++outcome_.outages;
        const WallTime from = site_.clock.now();
        site_.ca.down = true;
        live_for(length, end);
        site_.ca.down = false;
        outcome_.away += site_.clock.now() - from;
        outages_.push_back({from, site_.clock.now()});
    }

    /// Lets time pass in steps that no certificate's life slips through.
    void live_for(milliseconds span, WallTime end) {
        const WallTime until = std::min(site_.clock.now() + span, end);
        while (site_.clock.now() < until) {
            site_.run_for(std::min(step_, until - site_.clock.now()));
            look();
        }
    }

    void look() {
        for (const auto& [id, served] : site_.publisher->served) {
            const WallTime ends = served.entry->not_after;
            const auto [found, is_new] = ends_.try_emplace(id, ends);
            if (is_new) ++outcome_.needed;
            if (found->second == ends) continue;
            ++outcome_.needed;
            const WallTime begins = served.entry->not_before;
            const std::string name = served.entry->names.front().text();
            if (begins > found->second) gap(name, found->second);
            found->second = ends;
        }
    }

    void gap(const std::string& name, WallTime expired) {
        ++outcome_.gaps;
        const milliseconds life = lifetimes_.at(name);
        const WallTime due = expired - (life < control::short_lifetime ? life / 2 : life / 3) +
                             life / 50;  // its latest time
        if (const auto idle = idle_time(name, due, expired, life))
            outcome_.avoidable.push_back(name + " (" + std::to_string(life / minutes{1}) +
                                         " min) expired at " + rfc3339(expired) +
                                         ", nothing was tried from " + rfc3339(idle->from) +
                                         " to " + rfc3339(idle->to) + ", and the CA was there");
    }

    /// A time between the two in which the CA was there and nothing was tried for longer than mesh
    /// may wait of its own accord: a quarter of the life left (a third, as it was less when the
    /// wait began) or a hundredth of all of it, and what an answer may take.
    std::optional<Span> idle_time(const std::string& name,
                                  WallTime due,
                                  WallTime expired,
                                  milliseconds life) const {
        const auto is_idle = [&](WallTime from, WallTime to) {
            return to - from >
                   std::max<milliseconds>((expired - from) / 3, life / 100) + seconds{45};
        };
        for (const Span& there : times_there(due, expired)) {
            WallTime from = there.from;
            for (const WallTime tried : tried_in(name, there)) {
                if (is_idle(from, tried)) return Span{from, tried};
                from = tried;
            }
            if (is_idle(from, there.to)) return Span{from, there.to};
        }
        return std::nullopt;
    }

    std::vector<Span> times_there(WallTime from, WallTime to) const {
        std::vector<Span> result;
        for (const Span& outage : outages_) {
            if (outage.from > from) result.push_back({from, std::min(outage.from, to)});
            from = std::max(from, outage.to);
            if (from >= to) return result;
        }
        result.push_back({from, to});
        return result;
    }

    std::set<WallTime> tried_in(const std::string& name, const Span& span) const {
        std::set<WallTime> result;
        for (const std::string& of : {name, std::string()}) {
            const auto found = requests_.find(of);
            if (found == requests_.end()) continue;
            result.insert(found->second.lower_bound(span.from), found->second.upper_bound(span.to));
        }
        return result;
    }

    Plan plan_;
    Chance weather_;  ///< outages do not depend on what is asked
    Chance chance_;
    std::map<std::string, std::set<WallTime>> requests_;
    Site site_{Way::direct};
    std::map<std::string, milliseconds> lifetimes_;
    std::map<certs::CertificateId, WallTime> ends_;
    std::vector<Span> outages_;
    Outcome outcome_;
    milliseconds step_{0};
};

}  // namespace

Outcome simulate(const Plan& plan) {
    return Simulation(plan).run();
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    const auto hours_of = [](milliseconds span) { return span / hours{1}; };
    return out << outcome.orders << " orders for " << outcome.needed << " certificates needed, "
               << outcome.requests << " requests, " << outcome.faults << " random faults, "
               << outcome.outages << " outages of " << hours_of(outcome.away) << " h in all, "
               << outcome.failures << " failures told, " << outcome.gaps << " gaps, "
               << outcome.avoidable.size() << " of them avoidable; " << outcome.took.count()
               << " ms";
}

}  // namespace mesh::fault

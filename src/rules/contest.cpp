#include "rules/contest.hpp"

#include "rules/cover.hpp"
#include "rules/implication.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace mesh::rules {
namespace {

/// Comparisons of two matchers: some tenths of a second.
constexpr std::size_t work_max = 1'000'000;

using Ranked = std::vector<const RankedRule*>;

Ranked in_order(const std::vector<RankedRule>& rules) {
    Ranked out;
    for (const RankedRule& rule : rules) out.push_back(&rule);
    std::stable_sort(out.begin(), out.end(), [](const RankedRule* a, const RankedRule* b) {
        return a->rank.outranks(b->rank);
    });
    return out;
}

/// The sides of a rule's outermost `||`, or the whole.
std::vector<const Expression*> sides_of(const Rule& rule) {
    std::vector<const Expression*> sides;
    if (const auto* const any = std::get_if<Any>(&rule.expression().node))
        for (const Expression& operand : any->operands) sides.push_back(&operand);
    else
        sides.push_back(&rule.expression());
    return sides;
}

/// Rules by the names they are about, to find those that could take a side of another one.
class Takers {
 public:
    void add(const RankedRule& rule) {
        const Cover cover = cover_of(rule.rule.expression());
        if (cover.everything) unnamed_.push_back(&rule);
        for (const HostPattern* const name : cover.names) by_name_[name->text()].push_back(&rule);
    }

    /// The first by rank that takes every connection of `side`, or null.
    [[nodiscard]] const RankedRule* taker(const Expression& side, const Cover& cover) {
        const RankedRule* best = nullptr;
        const auto look_among = [&](const Ranked& candidates) {
            for (const RankedRule* const candidate : candidates) {
                if (implication_.exhausted()) return;
                if (best != nullptr && !candidate->rank.outranks(best->rank)) return;
                if (!implication_.holds(side, candidate->rule.expression())) continue;
                best = candidate;
                return;
            }
        };
        look_among(unnamed_);
        if (cover.everything) return best;
        // Who takes all names of the side takes its first one.
        const HostPattern& name = *cover.names.front();
        look_among(named(name.text()));
        if (!name.is_wildcard()) look_among(named("*." + std::string(name.name().parent())));
        return best;
    }

 private:
    [[nodiscard]] const Ranked& named(const std::string& name) const {
        static const Ranked none;
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? none : found->second;
    }

    std::unordered_map<std::string, Ranked> by_name_;
    Ranked unnamed_;
    Implication implication_{work_max};
};

/// Connections that could match two rules at once, made of what the two name.
class Witnesses {
 public:
    Witnesses(const Rule& a, const Rule& b) {
        const auto note = [this](const Leaf& leaf) {
            if (const HostPattern* const host = leaf.host()) note_name(*host);
            if (const auto* const ip = std::get_if<ClientIp>(&leaf.matcher))
                if (clients_.size() < kinds_max) clients_.emplace_back(ip->network.first());
        };
        for_each_leaf(a.expression(), note);
        for_each_leaf(b.expression(), note);
        for (const Rule* const rule : {&a, &b})
            for (std::string& protocol : rule->positive_protocols())
                protocols_.push_back(std::move(protocol));
    }

    template <class Test>
    [[nodiscard]] bool any(const Test& test) const {
        for (const auto& name : names_)
            for (const auto& client : clients_)
                for (const bool offers : {false, true}) {
                    ConnectionFacts facts{name ? &*name : nullptr, client, {}};
                    if (offers) facts.alpn = protocols_;
                    if (test(facts)) return true;
                }
        return false;
    }

 private:
    static constexpr std::size_t kinds_max = 4;

    void note_name(const HostPattern& host) {
        if (names_.size() == kinds_max) return;
        auto name = Hostname::parse((host.is_wildcard() ? "any." : "") + host.name().text());
        if (name) names_.emplace_back(std::move(*name));
    }

    std::vector<std::optional<Hostname>> names_{std::nullopt};
    std::vector<std::optional<IpAddress>> clients_{std::nullopt};
    std::vector<std::string> protocols_;
};

std::size_t leaves_of(const Rule& rule) {
    std::size_t count = 0;
    for_each_leaf(rule.expression(), [&count](const Leaf&) { ++count; });
    return count;
}

/// Looks for connections that one rule gets and another one matches too, with bounded work.
class Meetings {
 public:
    explicit Meetings(const std::vector<RankedRule>& rules) : index_(rules) {}

    /// The first of `group` in front of `which` that gets what `which` matches too, or null.
    [[nodiscard]] const RankedRule* first_of(const Ranked& group, std::size_t which) {
        const Rule& rule = group[which]->rule;
        const std::size_t leaves = leaves_of(rule);
        for (std::size_t i = 0; i < which; ++i) {
            if (group[i]->rule == rule) continue;
            const std::size_t cost = leaves + leaves_of(group[i]->rule);
            if (cost > leaves_left_) return nullptr;
            leaves_left_ -= cost;
            if (gets_of(*group[i], rule)) return group[i];
        }
        return nullptr;
    }

 private:
    /// To look at; each up to as many times as there are witnesses.
    static constexpr std::size_t leaves_max = 100'000;

    [[nodiscard]] bool gets_of(const RankedRule& winner, const Rule& loser) const {
        return Witnesses(winner.rule, loser).any([&](const ConnectionFacts& facts) {
            if (!winner.rule.matches(facts) || !loser.matches(facts)) return false;
            const auto found = index_.lookup(facts);
            return found && found->payload == winner.payload;
        });
    }

    SniIndex index_;
    std::size_t leaves_left_ = leaves_max;
};

/// Rules of equal priority and specificity, in order of rank, that may meet: those of one name, or
/// those no name narrows down.
std::vector<Ranked> rivals(const std::vector<RankedRule>& rules) {
    constexpr const char* no_name = "";
    std::map<std::tuple<std::int64_t, int, std::string>, Ranked> groups;
    for (const RankedRule* const ranked : in_order(rules)) {
        const Rule& rule = ranked->rule;
        const auto group = [&](const std::string& name) -> Ranked& {
            return groups[{ranked->rank.priority(), rule.specificity(), name}];
        };
        const Cover cover = cover_of(rule.expression());
        if (cover.everything) group(no_name).push_back(ranked);
        for (const HostPattern* const name : cover.names) group(name->text()).push_back(ranked);
    }
    std::vector<Ranked> out;
    for (auto& [key, group] : groups)
        if (group.size() > 1) out.push_back(std::move(group));
    return out;
}

}  // namespace

std::vector<Contest> never_reached(const std::vector<RankedRule>& rules) {
    Takers takers;
    std::vector<Contest> out;
    for (const RankedRule* const ranked : in_order(rules)) {
        const RankedRule* first = nullptr;
        const auto sides = sides_of(ranked->rule);
        const bool taken = std::all_of(sides.begin(), sides.end(), [&](const Expression* side) {
            const Cover cover = cover_of(*side);
            if (!cover.everything && cover.names.empty()) return true;  // never true
            const RankedRule* const taker = takers.taker(*side, cover);
            if (taker != nullptr && (first == nullptr || taker->rank.outranks(first->rank)))
                first = taker;
            return taker != nullptr;
        });
        if (taken)
            out.push_back({ranked->payload, first ? std::optional(first->payload) : std::nullopt});
        takers.add(*ranked);
    }
    return out;
}

std::vector<Contest> decided_by_name(const std::vector<RankedRule>& rules) {
    std::map<std::size_t, std::size_t> winner_of;
    Meetings meetings(rules);
    for (const Ranked& group : rivals(rules)) {
        for (std::size_t i = 1; i < group.size(); ++i) {
            if (winner_of.contains(group[i]->payload)) continue;
            if (const RankedRule* const winner = meetings.first_of(group, i))
                winner_of.emplace(group[i]->payload, winner->payload);
        }
    }
    std::vector<Contest> out;
    out.reserve(winner_of.size());
    for (const auto& [loser, winner] : winner_of) out.push_back({loser, winner});
    return out;
}

}  // namespace mesh::rules

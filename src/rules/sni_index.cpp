#include "rules/sni_index.hpp"

#include "rules/cover.hpp"
#include "rules/expression.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mesh::rules {

SniIndex::SniIndex(std::vector<RankedRule> rules) {
    std::stable_sort(rules.begin(), rules.end(), [](const RankedRule& a, const RankedRule& b) {
        return a.rank.outranks(b.rank);
    });

    std::vector<NamedCandidate> exact;
    std::vector<NamedCandidate> wildcard;
    entries_.reserve(rules.size());
    for (RankedRule& ranked : rules) {
        const auto position = static_cast<Position>(entries_.size());
        const Cover cover = cover_of(ranked.rule.expression());
        if (!cover.everything && cover.names.empty()) continue;
        const bool selects = !ranked.rule.positive_protocols().empty();
        entries_.push_back({std::move(ranked.rule), ranked.payload, cover.exact, selects});
        if (cover.everything) unnamed_.push_back(position);
        // Nothing behind a rule that always matches can ever be asked.
        if (cover.everything && cover.exact) break;
        for (const HostPattern* const name : cover.names)
            (name->is_wildcard() ? wildcard : exact).push_back({name->name().text(), position});
    }
    exact_ = group(std::move(exact));
    wildcard_ = group(std::move(wildcard));
}

/// Appends the candidates of each name to `candidates_`, in order of rank, up to the first that
/// certainly matches.
SniIndex::Names SniIndex::group(std::vector<NamedCandidate> named) {
    std::sort(named.begin(), named.end(), [](const NamedCandidate& a, const NamedCandidate& b) {
        return std::tie(a.name, a.position) < std::tie(b.name, b.position);
    });
    Names names;
    for (auto candidate = named.begin(); candidate != named.end();) {
        const auto next_name = std::find_if(
            candidate, named.end(), [name = candidate->name](const NamedCandidate& other) {
                return other.name != name;
            });
        Range range{static_cast<Position>(candidates_.size()), 0};
        for (auto same = candidate; same != next_name; ++same) {
            candidates_.push_back(same->position);
            ++range.count;
            if (entries_[same->position].exact) break;
        }
        names.emplace(candidate->name, range);
        candidate = next_name;
    }
    return names;
}

std::optional<Found> SniIndex::lookup(const ConnectionFacts& facts) const {
    constexpr Position none = std::numeric_limits<Position>::max();
    Position best = none;
    if (facts.sni != nullptr) {
        best = best_of(candidates(exact_, facts.sni->text()), facts, best);
        best = best_of(candidates(wildcard_, facts.sni->parent()), facts, best);
    }
    best = best_of(unnamed_, facts, best);
    if (best == none) return std::nullopt;
    const Entry& entry = entries_[best];
    return Found{entry.payload,
                 entry.selects_protocol ? entry.rule.protocol_matched(facts) : std::string_view()};
}

bool SniIndex::may_route(const Hostname& name) const {
    const auto any_of = [&](std::span<const Position> candidates) {
        return std::any_of(candidates.begin(), candidates.end(), [&](Position position) {
            return entries_[position].rule.may_match(name);
        });
    };
    return any_of(candidates(exact_, name.text())) ||
           any_of(candidates(wildcard_, name.parent())) || any_of(unnamed_);
}

bool SniIndex::may_route(const IpAddress& client) const {
    return may_route(client, [](std::size_t) { return true; });
}

bool SniIndex::may_route(const IpAddress& client,
                         const std::function<bool(std::size_t payload)>& is_wanted) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return may_match(entry.rule.expression(), client) && is_wanted(entry.payload);
    });
}

std::span<const SniIndex::Position> SniIndex::candidates(const Names& names,
                                                         std::string_view key) const {
    const auto found = names.find(key);
    if (found == names.end()) return {};
    return std::span(candidates_).subspan(found->second.first, found->second.count);
}

SniIndex::Position SniIndex::best_of(std::span<const Position> candidates,
                                     const ConnectionFacts& facts,
                                     Position best) const {
    for (const Position position : candidates) {
        if (position >= best) break;
        const Entry& entry = entries_[position];
        if (entry.exact || entry.rule.matches(facts)) return position;
    }
    return best;
}

}  // namespace mesh::rules

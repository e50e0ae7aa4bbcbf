#include "proxy/balancer.hpp"

#include "model/weights.hpp"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

namespace mesh::proxy {
namespace {

using Standing = ServerState::Standing;

/// The next turn of one server: its k-th of n is due at (2k + 1) / 2n of the round.
struct Turn {
    std::uint64_t twice_plus_one = 1;
    std::uint64_t turns = 0;
    std::uint32_t index = 0;
    /// Later than `other`.
    bool operator>(const Turn& other) const {
        const std::uint64_t mine = twice_plus_one * other.turns;
        const std::uint64_t its = other.twice_plus_one * turns;
        return mine != its ? mine > its : index > other.index;
    }
};

/// As down as can be is who has no address.
Standing standing_of(const Pool::Member& member, const ServersNow& servers, SteadyTime now) {
    return servers.has_address(member) ? member.state->standing(now) : Standing::down;
}

std::uint64_t sum_of(const std::vector<std::uint64_t>& turns) {
    return std::accumulate(turns.begin(), turns.end(), std::uint64_t{0});
}

void cut_short(std::vector<std::uint64_t>& turns, std::uint64_t length) {
    for (std::uint64_t& one : turns)
        if (one > 0) one = std::max<std::uint64_t>(1, one * model::round_max / length);
}

/// In the place of one that is out. Whoever is next would get all its turns: the others share them
/// by weight. Nothing when there is nobody.
template <class ShareOf>
std::optional<std::size_t> one_by_share(std::size_t count,
                                        std::atomic<std::uint64_t>& turns,
                                        const ShareOf& share_of) {
    std::vector<std::uint64_t> shares(count);
    for (std::size_t i = 0; i < count; ++i) shares[i] = share_of(i);
    const std::uint64_t all = sum_of(shares);
    if (all == 0) return std::nullopt;
    std::uint64_t rest = turns.fetch_add(1, std::memory_order_relaxed) % all;
    std::size_t i = 0;
    for (; rest >= shares[i]; ++i) rest -= shares[i];
    return i;
}

}  // namespace

std::vector<std::uint32_t> round_of(std::vector<std::uint64_t> turns) {
    if (const std::uint64_t length = sum_of(turns); length > model::round_max)
        cut_short(turns, length);
    std::priority_queue<Turn, std::vector<Turn>, std::greater<>> due;
    for (std::size_t i = 0; i < turns.size(); ++i)
        if (turns[i] > 0) due.push({1, turns[i], static_cast<std::uint32_t>(i)});
    std::vector<std::uint32_t> round;
    round.reserve(sum_of(turns));
    while (!due.empty()) {
        Turn turn = due.top();
        due.pop();
        round.push_back(turn.index);
        turn.twice_plus_one += 2;
        if (turn.twice_plus_one < 2 * turn.turns) due.push(turn);
    }
    return round;
}

std::optional<ServerChoice::Chosen> ServerChoice::next(SteadyTime now, Among among) {
    if (pool_->round.empty()) return std::nullopt;
    if (service_.strategy == model::Strategy::least_conn) return least_loaded(now, among);
    if (!at_)
        if (auto chosen = whose_turn(now)) return chosen;
    return next_in_turn(now, among);
}

std::optional<ServerChoice::Chosen> ServerChoice::whose_turn(SteadyTime now) {
    const std::vector<std::uint32_t>& round = pool_->round;
    at_ = round[service_.next.fetch_add(1, std::memory_order_relaxed) % round.size()];
    const Standing its = standing(*at_, now);
    if (its == Standing::in) return take(*at_);
    if (its == Standing::due && pool_->members[*at_].state->claim_trial(now))
        return take(*at_, true);
    const auto other = substitute(now);
    if (!other) return std::nullopt;
    at_ = *other;
    return take(*other);
}

std::optional<std::size_t> ServerChoice::substitute(SteadyTime now) const {
    const auto& members = pool_->members;
    return one_by_share(members.size(), service_.substitutes, [&](std::size_t i) {
        return members[i].weight > 0 && standing(i, now) == Standing::in ? members[i].weight : 0;
    });
}

ServerState::Standing ServerChoice::standing(std::size_t index, SteadyTime now) const {
    return standing_of(pool_->members[index], servers_, now);
}

std::optional<ServerChoice::Chosen> ServerChoice::next_in_turn(SteadyTime now, Among among) {
    const std::size_t count = pool_->members.size();
    for (std::size_t step = 0; step < count; ++step) {
        const std::size_t i = (*at_ + step) % count;
        if (is_candidate(i, now, among)) return take(i);
    }
    return std::nullopt;
}

std::optional<ServerChoice::Chosen> ServerChoice::least_loaded(SteadyTime now, Among among) {
    const auto& members = pool_->members;
    // Among equals they take turns.
    if (!at_) at_ = service_.next.fetch_add(1, std::memory_order_relaxed) % members.size();
    for (;;) {
        std::optional<std::size_t> best;
        Standing standing_of_best = Standing::in;
        std::size_t fewest = 0;
        for (std::size_t step = 0; step < members.size(); ++step) {
            const std::size_t i = (*at_ + step) % members.size();
            if (members[i].weight == 0 || has_tried(i)) continue;
            Standing its = standing(i, now);
            if (its == Standing::down) continue;
            if (among == Among::all) its = Standing::in;
            if (its == Standing::out) continue;
            const std::size_t connections = members[i].state->connections();
            // What each would have with this one.
            if (best &&
                (connections + 1) * members[*best].weight >= (fewest + 1) * members[i].weight)
                continue;
            best = i;
            standing_of_best = its;
            fewest = connections;
        }
        if (!best) return std::nullopt;
        const std::shared_ptr<ServerState>& state = members[*best].state;
        if (standing_of_best == Standing::due) {
            if (state->claim_trial(now)) return take(*best, true);
            continue;
        }
        // Somebody else may have had the same idea: then it is not the one with the fewest now.
        ServerSlot slot = ServerSlot::take_at(state, fewest);
        if (!slot) continue;
        tried_.push_back(*best);
        return Chosen{&members[*best], std::move(slot), false};
    }
}

bool ServerChoice::has_tried(std::size_t index) const {
    return std::find(tried_.begin(), tried_.end(), index) != tried_.end();
}

bool ServerChoice::is_candidate(std::size_t index, SteadyTime now, Among among) const {
    if (pool_->members[index].weight == 0 || has_tried(index)) return false;
    const Standing its = standing(index, now);
    return its == Standing::in || (among == Among::all && its != Standing::down);
}

ServerChoice::Chosen ServerChoice::take(std::size_t index, bool is_trial) {
    tried_.push_back(index);
    const Pool::Member& member = pool_->members[index];
    return {&member, ServerSlot(member.state), is_trial};
}

ServiceChoice::ServiceChoice(Service& service, const ServersNow& servers)
    : service_(service), servers_(servers), parts_(service.parts.size()) {
    if (service.parts.empty()) own_.emplace(service, servers);
}

std::optional<ServiceChoice::Chosen> ServiceChoice::next(SteadyTime now) {
    auto chosen = next(now, Among::those_in);
    return chosen ? std::move(chosen) : next(now, Among::all);
}

std::optional<ServiceChoice::Chosen> ServiceChoice::next(SteadyTime now, Among among) {
    if (own_) {
        auto chosen = own_->next(now, among);
        if (!chosen) return std::nullopt;
        return Chosen{{std::move(*chosen)}, &service_};
    }
    if (service_.round.empty()) return std::nullopt;
    if (!at_) at_ = whose_turn(now);
    for (std::size_t step = 0; step < parts_.size(); ++step) {
        const std::size_t i = (*at_ + step) % parts_.size();
        if (service_.parts[i].weight == 0) continue;
        if (!parts_[i])
            parts_[i] = std::make_unique<ServiceChoice>(*service_.parts[i].service, servers_);
        if (auto chosen = parts_[i]->next(now, among)) return chosen;
    }
    return std::nullopt;
}

std::size_t ServiceChoice::whose_turn(SteadyTime now) const {
    const std::vector<std::uint32_t>& round = service_.round;
    const std::size_t turn =
        round[service_.next.fetch_add(1, std::memory_order_relaxed) % round.size()];
    const auto share_of = [&](std::size_t i) -> std::uint64_t {
        return has_any_in(*service_.parts[i].service, now) ? service_.parts[i].weight : 0;
    };
    if (share_of(turn) > 0) return turn;
    return one_by_share(parts_.size(), service_.substitutes, share_of).value_or(turn);
}

/// Or due: then its turn is what tries it.
bool ServiceChoice::has_any_in(const Service& service, SteadyTime now) const {
    if (!service.parts.empty())
        return std::any_of(service.parts.begin(), service.parts.end(), [&](const auto& part) {
            return part.weight > 0 && has_any_in(*part.service, now);
        });
    const PoolPtr pool = servers_.pool_of(service);
    return std::any_of(pool->members.begin(), pool->members.end(), [&](const auto& member) {
        if (member.weight == 0) return false;
        const Standing its = standing_of(member, servers_, now);
        return its == Standing::in || its == Standing::due;
    });
}

}  // namespace mesh::proxy

#include "proxy/server_state.hpp"

#include <algorithm>

namespace mesh::proxy {
namespace {

SteadyTime::rep ticks(SteadyTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

ServerState::Standing ServerState::standing(SteadyTime now) const {
    if ((held_for_.load(std::memory_order_relaxed) & is_down) != 0) return Standing::down;
    const SteadyTime::rep until = out_until_.load(std::memory_order_relaxed);
    if (until == not_out) return Standing::in;
    return until > ticks(now) ? Standing::out : Standing::due;
}

bool ServerState::claim_trial(SteadyTime now) {
    SteadyTime::rep until = out_until_.load(std::memory_order_relaxed);
    if (until == not_out || until > ticks(now)) return false;
    return out_until_.compare_exchange_strong(
        until, ticks(now + time_out), std::memory_order_relaxed);
}

bool ServerState::reached(SteadyTime now) {
    if (goes_on_refusing(now)) return false;
    // Mostly nothing changes; then nothing is written that other workers read. (It may be out, or
    // away, without a failure: another worker's was counted before a success and told after it.)
    std::uint8_t held_for = held_for_.load(std::memory_order_relaxed);
    if (failures_.load(std::memory_order_relaxed) == 0 &&
        out_until_.load(std::memory_order_relaxed) == not_out &&
        (held_for == 0 || (held_for & is_down) != 0))
        return false;
    const bool was_out = out_until_.exchange(not_out, std::memory_order_relaxed) != not_out;
    failures_.store(0, std::memory_order_relaxed);
    if (was_out && (held_for & is_down) == 0) story.tell(now, {});
    const bool may_tell = (held_for & (is_told | is_down)) == is_told && lines_.allow(now);
    while (held_for != 0 && (held_for & is_down) == 0) {
        const auto left = static_cast<std::uint8_t>(may_tell ? 0 : held_for & is_told);
        if (left == held_for) return false;
        if (!held_for_.compare_exchange_weak(held_for, left, std::memory_order_relaxed)) continue;
        if ((held_for & is_away) != 0) story.tell(now, {});
        return may_tell && (held_for & is_told) != 0;
    }
    return false;
}

bool ServerState::went_down() {
    return (held_for_.exchange(is_down | is_away | is_told, std::memory_order_relaxed) & is_told) ==
           0;
}

bool ServerState::came_up() {
    out_until_.store(not_out, std::memory_order_relaxed);
    failures_.store(0, std::memory_order_relaxed);
    return (held_for_.exchange(0, std::memory_order_relaxed) & is_told) != 0;
}

ServerState::Failure ServerState::failed(SteadyTime now) {
    const std::uint64_t before = failures_.fetch_add(1, std::memory_order_relaxed);
    std::uint8_t added = is_away;
    if ((held_for_.load(std::memory_order_relaxed) & is_told) == 0 && lines_.allow(now))
        added |= is_told;
    const std::uint8_t was = held_for_.fetch_or(added, std::memory_order_relaxed);
    Failure failure;
    failure.is_first = (added & is_told & ~was) != 0;
    failure.is_news = (was & is_away) == 0;
    if (before + 1 < failures_max) return failure;
    const bool was_in =
        out_until_.exchange(ticks(now + time_out), std::memory_order_relaxed) == not_out;
    failure.ejects = was_in && lines_.allow(now);
    failure.is_news = failure.is_news || was_in;
    return failure;
}

void ServerState::gave_up(SteadyTime now) {
    SteadyTime::rep until = out_until_.load(std::memory_order_relaxed);
    if (until != not_out)
        out_until_.compare_exchange_strong(until, ticks(now), std::memory_order_relaxed);
}

bool ServerState::refused(SteadyTime now) {
    refused_at_.store(ticks(now), std::memory_order_relaxed);
    const std::uint64_t before = refusals_.fetch_add(1, std::memory_order_relaxed);
    if (before + 1 < failures_max) return false;
    return out_until_.exchange(ticks(now + time_out), std::memory_order_relaxed) == not_out;
}

void ServerState::spoke(SteadyTime now) {
    if (refusals_.load(std::memory_order_relaxed) == 0) return;
    if (refusals_.exchange(0, std::memory_order_relaxed) < failures_max) return;
    out_until_.store(not_out, std::memory_order_relaxed);
    if ((held_for_.load(std::memory_order_relaxed) & is_down) == 0) story.tell(now, {});
}

/// A server that never speaks first is known to be well again when the trial before this one was
/// not refused.
bool ServerState::goes_on_refusing(SteadyTime now) {
    if (refusals_.load(std::memory_order_relaxed) < failures_max) return false;
    const SteadyTime last{SteadyTime::duration(refused_at_.load(std::memory_order_relaxed))};
    if (now < last + time_out + time_out / 2) return true;
    refusals_.store(0, std::memory_order_relaxed);
    return false;
}

ServerSlot ServerSlot::take_at(const std::shared_ptr<ServerState>& state, std::size_t seen) {
    ServerSlot slot;
    if (state->connections_.compare_exchange_strong(seen, seen + 1, std::memory_order_relaxed))
        slot.state_ = state;
    return slot;
}

std::shared_ptr<ServerState> ServerStates::of(const std::string& host, std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<ServerState>& known = states_[{host, port}];
    if (auto state = known.lock()) return state;
    auto state = std::make_shared<ServerState>();
    known = state;
    if (states_.size() >= sweep_at_) {
        std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
        sweep_at_ = std::max(sweep_least, 2 * states_.size());
    }
    return state;
}

bool ServerStates::in_use() const {
    const std::lock_guard lock(mutex_);
    return std::any_of(states_.begin(), states_.end(), [](const auto& entry) {
        const auto state = entry.second.lock();
        return state && state->connections() > 0;
    });
}

std::size_t ServerStates::size() const {
    const std::lock_guard lock(mutex_);
    return states_.size();
}

}  // namespace mesh::proxy

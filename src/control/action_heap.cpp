#include "control/action_heap.hpp"

#include <algorithm>

namespace mesh::control {
namespace {

using std::chrono::milliseconds;

/// Beyond this the wall clock was set (or the machine slept); below it is drift.
constexpr milliseconds drift_max{500};
/// A wall time in a far century must not overflow the steady clock's nanoseconds.
constexpr milliseconds horizon = std::chrono::hours{24 * 365 * 50};

}  // namespace

ActionHeap::ActionHeap(const Clock& clock, std::function<void()> changed)
    : clock_(clock), changed_(std::move(changed)), offset_(wall_ahead_of_steady()) {}

void ActionHeap::set(Key key, WallTime when) {
    put(key, {true, when, {}, 0});
}

void ActionHeap::set_after(Key key, milliseconds wait) {
    put(key, {false, {}, clock_.steady_now() + wait, 0});
}

void ActionHeap::put(Key key, Time time) {
    time.ticket = next_ticket_++;
    time.steady = to_steady(time);
    times_[key] = time;
    entries_.push({time.steady, time.ticket, key});
    if (entries_.size() > 64 && entries_.size() > 3 * times_.size()) rebuild();
    if (changed_) changed_();
}

void ActionHeap::cancel(Key key) {
    times_.erase(key);
}

std::optional<ActionHeap::Key> ActionHeap::pop_due() {
    follow_wall_clock();
    drop_stale_top();
    if (entries_.empty() || entries_.top().at > clock_.steady_now()) return std::nullopt;
    const Key key = entries_.top().key;
    entries_.pop();
    times_.erase(key);
    return key;
}

std::optional<milliseconds> ActionHeap::next_wait() {
    follow_wall_clock();
    drop_stale_top();
    if (entries_.empty()) return std::nullopt;
    const auto wait = std::chrono::ceil<milliseconds>(entries_.top().at - clock_.steady_now());
    return std::max(wait, milliseconds{0});
}

milliseconds ActionHeap::wall_ahead_of_steady() const {
    return clock_.now().time_since_epoch() -
           std::chrono::floor<milliseconds>(clock_.steady_now().time_since_epoch());
}

SteadyTime ActionHeap::to_steady(const Time& time) const {
    if (!time.on_wall) return time.steady;
    const WallTime now = clock_.now();
    return clock_.steady_now() + (std::clamp(time.wall, now - horizon, now + horizon) - now);
}

void ActionHeap::follow_wall_clock() {
    const milliseconds offset = wall_ahead_of_steady();
    if (std::chrono::abs(offset - offset_) <= drift_max) return;
    offset_ = offset;
    rebuild();
}

void ActionHeap::rebuild() {
    std::vector<Entry> live;
    live.reserve(times_.size());
    for (auto& [key, time] : times_) {
        time.steady = to_steady(time);
        live.push_back({time.steady, time.ticket, key});
    }
    entries_ = std::priority_queue{std::greater<>{}, std::move(live)};
}

void ActionHeap::drop_stale_top() {
    while (!entries_.empty()) {
        const auto found = times_.find(entries_.top().key);
        if (found != times_.end() && found->second.ticket == entries_.top().ticket) return;
        entries_.pop();
    }
}

}  // namespace mesh::control

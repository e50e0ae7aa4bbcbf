#include "proxy/look_order.hpp"

namespace mesh::proxy {

template <class Change>
void LookOrder::change(Lane& lane, const Change& change) {
    if (!lane.due.empty()) heads_.erase({lane.due.begin()->first, &lane});
    change();
    if (!lane.due.empty()) heads_.emplace(lane.due.begin()->first, &lane);
}

void LookOrder::set(Look& look, SteadyTime when) {
    remove(look);
    change(*look.lane, [&] { look.lane->due.emplace(look.due = when, &look); });
}

void LookOrder::remove(Look& look) {
    if (look.is_running) {
        look.is_running = false;
        --look.lane->running;
        --running_;
    }
    change(*look.lane, [&] { look.lane->due.erase({look.due, &look}); });
}

LookOrder::Look* LookOrder::begin_next(SteadyTime now) {
    if (running_ == places_) return nullptr;
    // Lanes without a place are few: each of them has a look that runs.
    for (const auto& [when, lane] : heads_) {
        if (when > now) return nullptr;
        if (!has_place(*lane)) continue;
        Look* const next = lane->due.begin()->second;
        change(*lane, [&, lane = lane] { lane->due.erase(lane->due.begin()); });
        next->is_running = true;
        ++next->lane->running;
        ++running_;
        return next;
    }
    return nullptr;
}

SteadyTime LookOrder::next_at() const {
    if (running_ == places_) return SteadyTime::max();
    for (const auto& [when, lane] : heads_)
        if (has_place(*lane)) return when;
    return SteadyTime::max();
}

const LookOrder::Look* LookOrder::waits_longest(SteadyTime now) const {
    if (heads_.empty() || heads_.begin()->first > now) return nullptr;
    return heads_.begin()->second->due.begin()->second;
}

}  // namespace mesh::proxy

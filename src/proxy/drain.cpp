#include "proxy/worker.hpp"

#include <algorithm>
#include <utility>

namespace mesh::proxy {

void Worker::drain(std::function<void()> done) {
    for (const auto& [id, listener] : listeners_) listener->close();
    listeners_.clear();
    drain_ = Drain{SteadyTime::max(),
                   [done = std::move(done)](std::size_t) { done(); },
                   {},
                   0,
                   SteadyTime::max()};
}

void Worker::wind_down(std::chrono::milliseconds grace, std::function<void(std::size_t cut)> done) {
    const SteadyTime now = loop_.now();
    drain_ = Drain{now + grace, std::move(done), {}, 0, now + grace};
    if (!view_->snapshot) return;
    for (const auto& routes : view_->snapshot->entry_points) {
        const SteadyTime close_at =
            now + routes->limits.accept_grace.value_or(std::chrono::milliseconds::zero());
        const SteadyTime cut_at = close_at + routes->limits.grace.value_or(grace);
        drain_->parts.push_back({routes->lifetime, close_at, cut_at});
        drain_->deadline = std::max(drain_->deadline, cut_at);
    }
}

SteadyTime Worker::Drain::wake_at() const {
    SteadyTime at = std::min(deadline, others_cut_at);
    for (const Part& part : parts) at = std::min({at, part.close_at, part.cut_at});
    return at;
}

/// Stops accepting at an entry point.
void Worker::close_listeners(const Lifetime& entry_point) {
    for (auto listener = listeners_.begin(); listener != listeners_.end();) {
        if (&listener->second->entry_point() != &entry_point) {
            ++listener;
            continue;
        }
        listener->second->close();
        listener = listeners_.erase(listener);
    }
}

bool Worker::Drain::has(const Lifetime* entry_point) const {
    return std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
        return part.entry_point.get() == entry_point;
    });
}

/// Ends what came through the entry points that are `meant`. Returns how many connections that
/// were.
std::size_t Worker::cut_where(const std::function<bool(const Lifetime*)>& meant) {
    std::size_t count = 0;
    for (const auto& connection : connections_) {
        if (!meant(&connection->entry_point())) continue;
        connection->cancel();
        ++count;
    }
    context_.poll();
    return count + relays_.cut_where(meant);
}

void Worker::finish_drain_if_due() {
    if (!drain_) return;
    for (Drain::Part& part : drain_->parts) {
        if (loop_.now() >= part.close_at) {
            close_listeners(*part.entry_point);
            part.close_at = SteadyTime::max();
        }
        if (loop_.now() >= part.cut_at) {
            drain_->cut +=
                cut_where([&](const Lifetime* of) { return of == part.entry_point.get(); });
            part.cut_at = SteadyTime::max();
        }
    }
    if (loop_.now() >= drain_->others_cut_at) {
        drain_->cut += cut_where([&](const Lifetime* of) { return !drain_->has(of); });
        drain_->others_cut_at = SteadyTime::max();
    }
    const bool accepting =
        std::any_of(drain_->parts.begin(), drain_->parts.end(), [](const Drain::Part& part) {
            return part.close_at != SteadyTime::max();
        });
    const bool empty = !accepting && connections_.empty() && relays_.size() == 0;
    if (!empty && loop_.now() < drain_->deadline) return;
    const Drain over = std::move(*drain_);
    drain_.reset();
    over.done(over.cut + end_all());
}

}  // namespace mesh::proxy

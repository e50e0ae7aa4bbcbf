#include "control/store_gate.hpp"

#include <algorithm>
#include <utility>

namespace mesh::control {
namespace {

constexpr std::chrono::milliseconds first_wait = std::chrono::seconds{1};
// Space that comes back is used within a minute, also when it comes right after a try.
constexpr std::chrono::milliseconds longest_wait = std::chrono::seconds{30};
constexpr std::chrono::milliseconds look_again = std::chrono::seconds{15};

/// A fault of the place, not of the change. A damaged page does not mend itself, and what needs
/// none of it can be written.
bool is_passing(Errc code) {
    return code != Errc::invalid && code != Errc::not_found && code != Errc::cancelled &&
           code != Errc::corrupt;
}

}  // namespace

StoreGate::StoreGate(store::Store& store, Executor& executor, Log& log)
    : store_(store), executor_(executor), log_(log), announced_(!store.writable()) {
    if (!store_.writable()) look_whether_writable();
}

/// A store that can only be read has said so itself, and says when that ends.
void StoreGate::look_whether_writable() {
    executor_.post_after(look_again, [this, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired()) return;
        if (!store_.writable())
            look_whether_writable();
        else if (!degraded() && recovered_)
            recovered_();
    });
}

bool StoreGate::degraded() const {
    return !waiting_.empty() || !store_.writable();
}

void StoreGate::commit(store::Transition transition,
                       Done done,
                       Failed first_failure,
                       Failed refused) {
    auto pending = std::make_shared<Pending>(Pending{std::move(transition),
                                                     std::move(done),
                                                     std::move(first_failure),
                                                     std::move(refused),
                                                     false});
    if (waiting_.empty()) {
        send(std::move(pending));
        return;
    }
    // The store is known to refuse: one write finds out whether it still does, not one of each.
    waiting_.push_back(pending);
    executor_.post([alive = std::weak_ptr<int>(alive_), pending] {
        if (alive.expired() || pending->reported || !pending->first_failure) return;
        pending->reported = true;
        pending->first_failure({Errc::io, Origin::internal, "the store is degraded"});
    });
}

void StoreGate::send(PendingPtr pending) {
    // The material stays with us until it is on disk: it may be the only copy of a key.
    store::Transition copy = pending->transition;
    store_.apply(std::move(copy),
                 executor_,
                 [this, alive = std::weak_ptr<int>(alive_), pending = std::move(pending)](
                     const Result<store::Applied>& result) {
                     if (!alive.expired()) answered(pending, result);
                 });
}

void StoreGate::answered(const PendingPtr& pending, const Result<store::Applied>& result) {
    const bool was_waiting = !waiting_.empty() && waiting_.front() == pending;
    if (result.has_error() && is_passing(result.error().code)) {
        failed(pending, result.error());
        return;
    }
    if (was_waiting) {
        waiting_.pop_front();
        go_on();
    }
    if (result.has_error())
        refused(*pending, result.error());
    else if (pending->done)
        pending->done(*result);
}

void StoreGate::refused(const Pending& pending, const Error& error) {
    log_.error("store_refused",
               "the store cannot apply a change; it is dropped",
               {{"error", error.message}});
    // A store that closes has refused nothing: what was not written is done again after the start.
    if (pending.refused && error.code != Errc::cancelled) pending.refused(error);
}

void StoreGate::failed(const PendingPtr& pending, const Error& error) {
    const bool first = waiting_.empty();
    const bool again = !first && waiting_.front() == pending;
    if (!again) waiting_.push_back(pending);
    if (first) {
        wait_ = first_wait;
        announce(error.message, to_string(error.code));
    } else if (again) {
        retrying_ = false;
        wait_ = std::min(wait_ * 2, longest_wait);
    }
    if (!std::exchange(retrying_, true))
        executor_.post_after(wait_, [this, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) retry();
        });
    if (!pending->reported && pending->first_failure) {
        pending->reported = true;
        pending->first_failure(error);
    }
}

void StoreGate::announce(std::string_view why, std::string_view code) {
    if (std::exchange(announced_, true)) return;
    log_.warn("commit_waits",
              "a change is not on disk yet; it is kept and repeated, and no order begins meanwhile",
              {{"error", why}, {"code", code}});
}

void StoreGate::retry() {
    if (!waiting_.empty()) send(waiting_.front());
}

/// One after the other: no change that waits is overtaken by an earlier one that had to be repeated
/// once more. Two that were under way together when the first failed keep no order.
void StoreGate::go_on() {
    wait_ = first_wait;
    if (!waiting_.empty()) {
        send(waiting_.front());
        return;
    }
    retrying_ = false;
    if (std::exchange(announced_, false))
        log_.info("commit_done", "what waited is on disk; orders go on");
    if (recovered_) recovered_();
}

}  // namespace mesh::control

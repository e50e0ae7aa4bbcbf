#include "http/registry.hpp"

namespace mesh::http {

RequestId Registry::add(Executor& executor, Completion done) {
    const std::lock_guard lock(mutex_);
    waiters_.emplace(++last_, Waiter{&executor, std::move(done)});
    return last_;
}

bool Registry::live(RequestId id) const {
    const std::lock_guard lock(mutex_);
    return waiters_.contains(id);
}

void Registry::answer(RequestId id, Result<Response> result) {
    // std::function wants a copyable closure; the body should not be copied with it.
    auto held = std::make_shared<Result<Response>>(std::move(result));
    // Posted under the lock: once remove() has returned, the caller may destroy its executor.
    const std::lock_guard lock(mutex_);
    const auto waiter = waiters_.find(id);
    if (waiter == waiters_.end()) return;
    waiter->second.executor->post(
        [self = shared_from_this(), id, held = std::move(held)] { self->complete(id, *held); });
}

void Registry::complete(RequestId id, Result<Response>& result) {
    Completion done;
    {
        const std::lock_guard lock(mutex_);
        const auto waiter = waiters_.find(id);
        if (waiter == waiters_.end()) return;
        done = std::move(waiter->second.done);
        waiters_.erase(waiter);
    }
    done(std::move(result));
}

// What a completion owns is destroyed outside the lock: its destructor may come back here.
bool Registry::remove(RequestId id) {
    decltype(waiters_)::node_type removed;
    const std::lock_guard lock(mutex_);
    removed = waiters_.extract(id);
    return !removed.empty();
}

void Registry::remove_all() {
    decltype(waiters_) removed;
    const std::lock_guard lock(mutex_);
    removed.swap(waiters_);
}

}  // namespace mesh::http

#include "base/task_loop.hpp"

#include <algorithm>

namespace mesh {
namespace {

/// Longer delays are cut to this, so that time points cannot overflow.
constexpr std::chrono::hours delay_max{24 * 3660};

}  // namespace

using std::chrono::steady_clock;

void TaskLoop::post(std::function<void()> task) {
    if (!task) return;
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    ready_.push_back(std::move(task));
    wake_.notify_one();  // under the lock: after it, a task may have ended the loop's life
}

void TaskLoop::post_after(std::chrono::milliseconds delay, std::function<void()> task) {
    if (!task) return;
    delay = std::clamp<std::chrono::milliseconds>(delay, {}, delay_max);
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    timed_.emplace(steady_clock::now() + delay, std::move(task));
    wake_.notify_one();  // under the lock: after it, a task may have ended the loop's life
}

void TaskLoop::run() {
    while (auto task = next()) task();
    // What tasks hold may post again when it is destroyed, so that happens without the lock.
    decltype(ready_) ready;
    decltype(timed_) timed;
    const std::lock_guard lock(mutex_);
    ready.swap(ready_);
    timed.swap(timed_);
}

void TaskLoop::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    wake_.notify_all();
}

std::function<void()> TaskLoop::next() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (stopped_) return {};
        while (!timed_.empty() && timed_.begin()->first <= steady_clock::now()) {
            ready_.push_back(std::move(timed_.begin()->second));
            timed_.erase(timed_.begin());
        }
        if (!ready_.empty()) {
            auto task = std::move(ready_.front());
            ready_.pop_front();
            return task;
        }
        if (timed_.empty())
            wake_.wait(lock);
        else
            wake_.wait_until(lock, timed_.begin()->first);
    }
}

}  // namespace mesh

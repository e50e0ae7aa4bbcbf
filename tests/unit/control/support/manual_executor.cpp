#include "unit/control/support/manual_executor.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <utility>

namespace mesh::control::test {
namespace {

std::chrono::nanoseconds cpu_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

void ManualExecutor::post(std::function<void()> task) {
    const std::lock_guard lock{mutex_};
    ready_.push_back(std::move(task));
    posted_.notify_one();
}

void ManualExecutor::post_after(std::chrono::milliseconds delay, std::function<void()> task) {
    const std::lock_guard lock{mutex_};
    timed_.emplace(clock_.steady_now() + delay, std::move(task));
    posted_.notify_one();
}

bool ManualExecutor::run_one() {
    std::function<void()> task;
    {
        const std::lock_guard lock{mutex_};
        while (!timed_.empty() && timed_.begin()->first <= clock_.steady_now()) {
            ready_.push_back(std::move(timed_.begin()->second));
            timed_.erase(timed_.begin());
        }
        if (ready_.empty()) return false;
        task = std::move(ready_.front());
        ready_.pop_front();
    }
    const auto before = cpu_time();
    task();
    longest_task_ = std::max(longest_task_, cpu_time() - before);
    return true;
}

void ManualExecutor::settle() {
    while (run_one()) {
    }
}

/// What is under way elsewhere takes no virtual time. It ends with a task, or without one where
/// somebody lost interest in it: hence the short steps.
void ManualExecutor::wait_for_outside(std::unique_lock<std::mutex>& lock) {
    constexpr std::chrono::milliseconds step{20};
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{2};
    while (ready_.empty() && outside && outside()) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error("something outside has not come back within two minutes");
        posted_.wait_for(lock, step);
    }
}

/// Moves the clock to the next task, at most to `end`; false when there is none before it.
bool ManualExecutor::skip_to_next(SteadyTime end) {
    std::unique_lock lock{mutex_};
    wait_for_outside(lock);
    if (!ready_.empty()) return true;
    const bool none = timed_.empty() || timed_.begin()->first > end;
    const SteadyTime to = none ? end : timed_.begin()->first;
    const auto step = std::chrono::ceil<std::chrono::milliseconds>(to - clock_.steady_now());
    if (step > std::chrono::milliseconds{0}) clock_.advance(step);
    return !none;
}

void ManualExecutor::run_for(std::chrono::milliseconds span) {
    const SteadyTime end = clock_.steady_now() + span;
    settle();
    while (skip_to_next(end)) settle();
}

bool ManualExecutor::run_until(const std::function<bool()>& holds,
                               std::chrono::milliseconds limit) {
    const SteadyTime end = clock_.steady_now() + limit;
    while (!holds()) {
        if (run_one()) continue;
        if (!skip_to_next(end)) return holds();
    }
    return true;
}

void ManualExecutor::drop_all() {
    std::deque<std::function<void()>> ready;
    std::multimap<SteadyTime, std::function<void()>> timed;
    const std::lock_guard lock{mutex_};
    ready.swap(ready_);
    timed.swap(timed_);
}

}  // namespace mesh::control::test

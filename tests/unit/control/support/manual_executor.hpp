#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>

namespace mesh::control::test {

/// Runs tasks by hand on the time of a ManualClock, which it alone moves on.
class ManualExecutor final : public Executor {
 public:
    explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}

    void post(std::function<void()> task) override;
    void post_after(std::chrono::milliseconds delay, std::function<void()> task) override;

    /// Runs what is due now, and what that leads to.
    void settle();
    /// Lets time pass, step by step from task to task.
    void run_for(std::chrono::milliseconds span);
    /// Lets time pass until `holds`; false if it does not within `limit`.
    bool run_until(const std::function<bool()>& holds, std::chrono::milliseconds limit);
    /// Drops everything that was to run: the process is gone.
    void drop_all();
    /// While it says so, something outside is under way that will post a task: time stands still
    /// until that comes. Called on the thread that runs the tasks.
    std::function<bool()> outside;
    /// CPU time of the task that took longest.
    [[nodiscard]] std::chrono::nanoseconds longest_task() const { return longest_task_; }

 private:
    bool run_one();
    bool skip_to_next(SteadyTime end);
    void wait_for_outside(std::unique_lock<std::mutex>& lock);

    ManualClock& clock_;
    std::mutex mutex_;  ///< keys are made on another thread
    std::condition_variable posted_;
    std::deque<std::function<void()>> ready_;
    std::multimap<SteadyTime, std::function<void()>> timed_;
    std::chrono::nanoseconds longest_task_{0};
};

}  // namespace mesh::control::test

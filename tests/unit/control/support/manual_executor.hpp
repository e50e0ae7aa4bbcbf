#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"

#include <chrono>
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
    /// CPU time of the task that took longest.
    [[nodiscard]] std::chrono::nanoseconds longest_task() const { return longest_task_; }

 private:
    bool run_one();
    bool skip_to_next(SteadyTime end);

    ManualClock& clock_;
    std::mutex mutex_;  ///< keys are made on another thread
    std::deque<std::function<void()>> ready_;
    std::multimap<SteadyTime, std::function<void()>> timed_;
    std::chrono::nanoseconds longest_task_{0};
};

}  // namespace mesh::control::test

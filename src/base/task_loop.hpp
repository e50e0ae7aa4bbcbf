#pragma once
#include "base/executor.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

namespace mesh {

/// The Executor of a real thread: whoever calls run() executes the tasks until stop().
class TaskLoop final : public Executor {
 public:
    void post(std::function<void()> task) override;
    void post_after(std::chrono::milliseconds delay, std::function<void()> task) override;

    /// Executes tasks until stop(); what is still queued then is destroyed, not run.
    void run();
    /// Thread-safe, idempotent.
    void stop();

 private:
    std::function<void()> next();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> ready_;
    std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> timed_;
    bool stopped_ = false;
};

}  // namespace mesh

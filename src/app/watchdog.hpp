#pragma once
#include "base/executor.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace mesh::app {

/// Feeds a watchdog for as long as everything turns: the control loop, because rounds begin and end
/// on it, and every worker, because a round ends when all have answered. One that is stuck leaves
/// its round open, and nothing is fed until it goes on.
class Watchdog {
 public:
    /// Asks all workers; `answered` runs, on any thread, when each of them has taken a turn.
    using Ask = std::function<void(std::function<void()> answered)>;

    /// Two rounds begin within one `limit`. Begins at once. `control` outlives whatever may still
    /// answer.
    Watchdog(Executor& control,
             std::chrono::microseconds limit,
             Ask ask,
             std::function<void()> feed);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

 private:
    void round();

    Executor& control_;
    std::chrono::milliseconds interval_;
    Ask ask_;
    std::function<void()> feed_;
    bool open_ = false;  ///< a round that not everybody has answered
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace mesh::app

#pragma once
#include <chrono>
#include <functional>

namespace mesh {

/// Runs tasks one after the other on one thread. The control plane is written against this, so
/// its tests run it by hand on a virtual clock.
class Executor {
 public:
    virtual ~Executor() = default;
    /// Thread-safe. Tasks run in the order they were posted. After shutdown they are dropped.
    virtual void post(std::function<void()> task) = 0;
    /// Thread-safe. Runs the task once, not before `delay` of steady time has passed.
    virtual void post_after(std::chrono::milliseconds delay, std::function<void()> task) = 0;
};

}  // namespace mesh

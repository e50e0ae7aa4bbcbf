#pragma once
#include <chrono>

namespace mesh {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Where code gets the time from. Wall time is for certificate dates and schedules that outlive
/// the process; steady time is for every timeout.
class Clock {
 public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual WallTime now() const = 0;
    [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

/// The operating system's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
    [[nodiscard]] WallTime now() const override;
    [[nodiscard]] SteadyTime steady_now() const override;
};

/// A clock that moves only when told to. Not thread-safe; for tests and simulations.
class ManualClock final : public Clock {
 public:
    explicit ManualClock(WallTime start) : now_(start) {}
    [[nodiscard]] WallTime now() const override { return now_; }
    [[nodiscard]] SteadyTime steady_now() const override { return steady_; }
    /// Both clocks move on, as time does.
    void advance(std::chrono::milliseconds by) {
        now_ += by;
        steady_ += by;
    }
    /// Only the wall clock moves: somebody set the date.
    void set_wall(WallTime to) { now_ = to; }

 private:
    WallTime now_;
    SteadyTime steady_{};
};

}  // namespace mesh

#pragma once
#include "base/clock.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace mesh::proxy {

/// A router or an entry point for as long as it stays configured: shared by all snapshots that have
/// it and by the connections that came through it, which it tells when to end. One that is removed
/// and added again is another one. Thread-safe.
class Lifetime {
 public:
    explicit Lifetime(std::string name) : name_(std::move(name)) {}

    [[nodiscard]] const std::string& name() const { return name_; }

    /// Its established connections end then; SteadyTime::max() while nothing ends them.
    [[nodiscard]] SteadyTime ends_at() const {
        return SteadyTime(SteadyTime::duration(ends_at_.load(std::memory_order_relaxed)));
    }
    /// Its established connections end after as long without a byte; zero: they do not.
    [[nodiscard]] std::chrono::milliseconds idle_timeout() const {
        return std::chrono::milliseconds(idle_ms_.load(std::memory_order_relaxed));
    }
    void set_idle_timeout(std::chrono::milliseconds timeout) {
        idle_ms_.store(timeout.count(), std::memory_order_relaxed);
    }
    void end_at(SteadyTime at) {
        ends_at_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
    }

 private:
    std::string name_;
    std::atomic<std::chrono::milliseconds::rep> idle_ms_{0};
    std::atomic<SteadyTime::rep> ends_at_{SteadyTime::max().time_since_epoch().count()};
};
using LifetimePtr = std::shared_ptr<Lifetime>;

}  // namespace mesh::proxy

#pragma once
#include "base/clock.hpp"

#include <atomic>
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
    void end_at(SteadyTime at) {
        ends_at_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
    }

 private:
    std::string name_;
    std::atomic<SteadyTime::rep> ends_at_{SteadyTime::max().time_since_epoch().count()};
};
using LifetimePtr = std::shared_ptr<Lifetime>;

}  // namespace mesh::proxy

#pragma once
#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/timing.hpp"

#include <algorithm>
#include <optional>

namespace mesh::store {

/// When the online copy is made: a little after a change, so that changes of the same moment share
/// it, but not again so soon after the copy before.
class CopySchedule {
 public:
    explicit CopySchedule(const Timing& timing) : timing_(timing) {}

    /// Something was committed that the copy should have.
    void changed(SteadyTime now) {
        if (!changed_at_) changed_at_ = now;
    }
    /// When to begin the next copy; nullopt when the last one has everything.
    [[nodiscard]] std::optional<SteadyTime> due() const {
        if (!changed_at_) return std::nullopt;
        const SteadyTime settled = *changed_at_ + timing_.copy_settle;
        return not_before_ ? std::max(settled, *not_before_) : settled;
    }
    /// What is changed from here on is for the copy after this one.
    void began() { changed_at_.reset(); }
    void ended(SteadyTime now, const Status& made) {
        // What is damaged stays so: reading all of it every minute would only wear the disk.
        const bool soon = !made && made.error().code != Errc::corrupt;
        not_before_ = now + (soon ? timing_.copy_retry : timing_.copy_interval);
        if (!made) changed_at_ = now;
    }

 private:
    Timing timing_;
    std::optional<SteadyTime> changed_at_;
    std::optional<SteadyTime> not_before_;
};

}  // namespace mesh::store

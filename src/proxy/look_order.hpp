#pragma once
#include "base/clock.hpp"

#include <cstddef>
#include <set>
#include <utility>

namespace mesh::proxy {

/// Who is looked at next: whose time has come, first come first, no more at once than there are
/// places. Those of one lane get no more places than are left free beside them, so that looks that
/// take long leave room for those of all other lanes. One thread.
class LookOrder {
 public:
    struct Look;
    struct Lane {
        std::set<std::pair<SteadyTime, Look*>> due;  ///< those that are not looked at now
        std::size_t running = 0;
    };
    struct Look {
        Lane* lane = nullptr;  ///< set before anything else; outlives it here
        SteadyTime due;        ///< or was, of one that runs
        bool is_running = false;
    };

    explicit LookOrder(std::size_t places) : places_(places) {}

    /// It is due at `when`; of one that runs, its look has ended.
    void set(Look& look, SteadyTime when);
    /// It is to be forgotten.
    void remove(Look& look);
    /// Takes a place for one that is due; null when there is none, or no place for it.
    [[nodiscard]] Look* begin_next(SteadyTime now);

    /// When begin_next() may find one, as far as time goes; max(): not before a look ends.
    [[nodiscard]] SteadyTime next_at() const;
    /// Whose time came first, of those that are due; null: nobody is.
    [[nodiscard]] const Look* waits_longest(SteadyTime now) const;
    /// Looks that take place now.
    [[nodiscard]] std::size_t running() const { return running_; }

 private:
    using Head = std::pair<SteadyTime, Lane*>;  ///< a lane, by who is due in it first

    [[nodiscard]] bool has_place(const Lane& lane) const {
        return lane.running < places_ - running_;
    }
    template <class Change>
    void change(Lane& lane, const Change& change);

    const std::size_t places_;
    std::size_t running_ = 0;
    std::set<Head> heads_;
};

}  // namespace mesh::proxy

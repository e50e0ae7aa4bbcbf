#pragma once
#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

namespace mesh::control {

/// What happens when: one time per key, the earliest first.
///
/// A time is either on the wall clock (a renewal, a Retry-After: they outlive the process) or on
/// the steady clock (the wait between two polls). Wall times follow the wall clock wherever
/// somebody sets it; steady ones do not notice. Changing a key's time leaves a stale entry behind
/// that is skipped later; stale entries never outnumber live ones by more than two to one.
class ActionHeap {
 public:
    using Key = std::uint64_t;

    /// `changed` is called, if given, whenever a time was set: a timer may have to be.
    explicit ActionHeap(const Clock& clock, std::function<void()> changed = {});

    void set(Key key, WallTime when);
    void set_after(Key key, std::chrono::milliseconds wait);
    void cancel(Key key);
    [[nodiscard]] bool contains(Key key) const { return times_.contains(key); }
    [[nodiscard]] std::size_t size() const { return times_.size(); }

    /// Removes and returns the most overdue key, or nothing when none is due.
    [[nodiscard]] std::optional<Key> pop_due();
    /// How long until the next key is due (zero: now); nothing when empty. The wall clock may be
    /// set at any moment, so wait in steps of at most half a minute.
    [[nodiscard]] std::optional<std::chrono::milliseconds> next_wait();

 private:
    struct Time {
        bool on_wall = false;
        WallTime wall;
        SteadyTime steady;
        std::uint64_t ticket = 0;
    };
    struct Entry {
        SteadyTime at;
        std::uint64_t ticket = 0;
        Key key = 0;
        bool operator>(const Entry& other) const {
            return at != other.at ? at > other.at : ticket > other.ticket;
        }
    };

    [[nodiscard]] std::chrono::milliseconds wall_ahead_of_steady() const;
    [[nodiscard]] SteadyTime to_steady(const Time& time) const;
    void put(Key key, Time time);
    void follow_wall_clock();
    void rebuild();
    void drop_stale_top();

    const Clock& clock_;
    std::function<void()> changed_;
    /// Wall clock minus steady clock when the wall times were last translated.
    std::chrono::milliseconds offset_;
    std::unordered_map<Key, Time> times_;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
    std::uint64_t next_ticket_ = 1;
};

}  // namespace mesh::control

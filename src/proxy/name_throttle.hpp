#pragma once
#include "base/clock.hpp"

#include <atomic>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mesh::proxy {

/// Lets a log line about a name pass once a minute, and at most `names_max` different names in
/// that time, so that strangers who make names up fill neither the memory nor the log.
class NameThrottle {
 public:
    static constexpr std::chrono::minutes interval{1};
    static constexpr std::size_t names_max = 1024;

    [[nodiscard]] bool allow(std::string_view name, SteadyTime now);
    [[nodiscard]] std::size_t size() const { return last_.size(); }

 private:
    std::unordered_map<std::string, SteadyTime> last_;
};

/// Lets the lines about one thing that comes and goes pass: a few at once, then one in a while.
/// Thread-safe.
class ChangeThrottle {
 public:
    static constexpr int at_once = 6;
    static constexpr std::chrono::seconds interval{10};

    [[nodiscard]] bool allow(SteadyTime now);

 private:
    /// When as many may pass at once as may at all.
    std::atomic<SteadyTime::rep> rested_at_{SteadyTime::min().time_since_epoch().count()};
};

/// Lets a line about a lasting state pass once a second.
class LineThrottle {
 public:
    [[nodiscard]] bool allow(SteadyTime now) {
        if (next_ > now) return false;
        next_ = now + std::chrono::seconds(1);
        return true;
    }

 private:
    SteadyTime next_{};
};

}  // namespace mesh::proxy

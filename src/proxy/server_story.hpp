#pragma once
#include "base/clock.hpp"

#include <mutex>
#include <string>
#include <string_view>

namespace mesh::proxy {

/// Since when a server is held for what it is, and why, for people who ask. Thread-safe. Who tells
/// never waits: what is told while somebody reads is lost.
class ServerStory {
 public:
    static constexpr std::size_t reason_max = 256;
    struct Told {
        SteadyTime since;  ///< the clock's zero: nothing has happened
        std::string reason;
    };

    void tell(SteadyTime since, std::string_view reason) {
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (lock) told_ = {since, std::string(reason.substr(0, reason_max))};
    }
    [[nodiscard]] Told told() const {
        const std::lock_guard lock(mutex_);
        return told_;
    }

 private:
    mutable std::mutex mutex_;
    Told told_;
};

}  // namespace mesh::proxy

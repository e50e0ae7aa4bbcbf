#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mesh::control {

/// Speaks of certificates that near their end and that no order renews: those from files, and
/// stored ones while nothing is ordered. `cert_expiring` as for all others: WARN daily below 1/5 of
/// the lifetime, ERROR every six hours below 1/10. Lives on one executor; tasks of its that are
/// left there after its end do nothing.
class ExpiryWatch {
 public:
    struct Watched {
        std::string id;     ///< the same certificate has the same; two have not
        std::string names;  ///< for people
        std::string file;   ///< empty: not from a file
        WallTime not_before;
        WallTime not_after;
    };

    ExpiryWatch(Executor& executor, const Clock& clock, Log& log);

    /// These from now on. What was said of one that stays is not said again before its time.
    void watch(std::vector<Watched> certificates);

 private:
    void tick();
    void speak(const Watched& certificate) const;

    Executor& executor_;
    const Clock& clock_;
    Log& log_;
    std::vector<Watched> certificates_;
    std::map<std::string, WallTime> next_;  ///< by id: when to look again
    std::shared_ptr<int> alive_;            ///< of the timer that runs
};

}  // namespace mesh::control

#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"

#include <chrono>
#include <string_view>

namespace mesh::providers {

/// What all queries of one provider share: a bound on their requests as a whole, and the one line
/// about an agent whose blocking queries do not block.
class ConsulPace {
 public:
    static constexpr std::chrono::milliseconds per_request{5};  ///< 200 a second, for long
    static constexpr int burst = 200;                           ///< at once, after a quiet second

    ConsulPace(const Clock& clock, Log& log) : clock_(clock), log_(log) {}

    /// Books the next request; how long it has to wait. Each waits for those booked before only.
    [[nodiscard]] std::chrono::milliseconds book();
    /// Blocking queries come back at once again and again, or are refused: logged the first time.
    void tell_not_blocking(std::string_view path, std::string_view why);

 private:
    const Clock& clock_;
    Log& log_;
    SteadyTime next_ = SteadyTime::min();
    bool told_ = false;
};

}  // namespace mesh::providers

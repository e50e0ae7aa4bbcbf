#pragma once
#include "model/configuration.hpp"

#include <chrono>
#include <cstdint>

namespace mesh::proxy {

/// What looks at one server have come to. It counts as up until one has said something. That first
/// one decides alone: nobody is to meet a wrong server for as long as it takes to be sure. From
/// then on so many failures in a row and it is down, so many successes and it is up again.
class HealthVerdict {
 public:
    static constexpr unsigned failures_max = 3;
    static constexpr unsigned successes_max = 2;
    /// After a look that contradicts the verdict the next one does not wait any longer.
    static constexpr std::chrono::milliseconds doubt_pause{1'000};

    /// Another question is asked from now on: it stays what it is until the first answer.
    void ask_anew() { decided_ = in_a_row_ = 0; }
    /// True if the result turns the verdict.
    [[nodiscard]] bool note(bool passed);
    [[nodiscard]] bool is_down() const { return down_; }

    /// From the beginning of the last look to the next one. After the first answer a part of the
    /// interval, as `random` has it: those that were asked together are not asked so for ever.
    [[nodiscard]] std::chrono::milliseconds pause(const model::HealthCheck& check,
                                                  std::uint64_t random) const;

 private:
    unsigned decided_ = 0;   ///< answers to this question; counted up to 2
    unsigned in_a_row_ = 0;  ///< those that contradict the verdict
    bool down_ = false;
};

}  // namespace mesh::proxy

#pragma once
// Private to this room: messages of a peer that cost work and bring no byte.
#include "base/clock.hpp"

#include <chrono>
#include <cstdint>

namespace mesh::tls {

/// So many in a second, and no more.
class MessageRate {
 public:
    /// Counts one; false: it is one more than `most`.
    [[nodiscard]] bool allow(SteadyTime now, std::uint8_t most) noexcept {
        if (in_window_ == 0 || now - window_start_ >= std::chrono::seconds(1)) {
            window_start_ = now;
            in_window_ = 0;
        }
        if (in_window_ >= most) return false;
        ++in_window_;
        return true;
    }

 private:
    SteadyTime window_start_{};
    std::uint8_t in_window_ = 0;
};

}  // namespace mesh::tls

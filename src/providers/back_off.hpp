#pragma once
#include <algorithm>
#include <chrono>

namespace mesh::providers {

/// Pauses between tries to reach a daemon that does not answer: 0.5 s, doubling to 15 s.
class BackOff {
 public:
    static constexpr std::chrono::milliseconds first{500};
    static constexpr std::chrono::milliseconds last{15'000};

    [[nodiscard]] std::chrono::milliseconds next() {
        const auto pause = pause_;
        pause_ = std::min(2 * pause_, last);
        return pause;
    }
    void reset() { pause_ = first; }

 private:
    std::chrono::milliseconds pause_ = first;
};

}  // namespace mesh::providers

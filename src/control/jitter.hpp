#pragma once
#include <cstdint>
#include <string_view>

namespace mesh::control {

/// A number in [-1, 1] that depends on the text alone: the same in every process and release.
[[nodiscard]] double stable_jitter(std::string_view text);

/// A small generator for waits that need not be repeatable; seeded by the caller, so that tests
/// are. (SplitMix64.)
class Jitter {
 public:
    explicit Jitter(std::uint64_t seed) : state_(seed) {}
    /// The next number in [-1, 1].
    [[nodiscard]] double next();

 private:
    std::uint64_t state_;
};

}  // namespace mesh::control

#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace mesh::bench {

/// Endless bytes, of which each place is known: what arrives twice, not at all or at another place
/// is noticed, since 251 divides no size of a buffer.
class Pattern {
 public:
    static constexpr std::size_t period = 251;
    static constexpr std::size_t longest = 256 * 1024;  ///< that `from` gives

    Pattern() {
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            bytes_[i] = static_cast<std::uint8_t>(i % period);
    }

    [[nodiscard]] std::span<const std::uint8_t> from(std::uint64_t place, std::size_t size) const {
        return std::span(bytes_).subspan(place % period, std::min(size, longest));
    }

    [[nodiscard]] bool is_at(std::uint64_t place, std::span<const std::uint8_t> bytes) const {
        while (!bytes.empty()) {
            const auto expected = from(place, bytes.size());
            if (std::memcmp(expected.data(), bytes.data(), expected.size()) != 0) return false;
            place += expected.size();
            bytes = bytes.subspan(expected.size());
        }
        return true;
    }

    static const Pattern& shared() {
        static const Pattern pattern;
        return pattern;
    }

 private:
    std::array<std::uint8_t, longest + period> bytes_{};
};

}  // namespace mesh::bench

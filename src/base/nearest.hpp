#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mesh {

/// The candidate a typo was probably meant to be (case ignored), or nothing when none is close:
/// at most one edit per three characters typed, one for shorter words. A word over 64 characters
/// is no typo.
[[nodiscard]] std::optional<std::string> nearest(std::string_view typed,
                                                 std::span<const std::string> candidates);

}  // namespace mesh

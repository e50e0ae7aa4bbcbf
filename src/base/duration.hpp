#pragma once
#include "base/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace mesh {

/// A duration as operators write it: "10s", "1h30m", "250ms", or a bare number of seconds.
/// Negative values, unknown units, anything over ten years and what rounds to zero without being
/// zero are errors.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest spelling people read easily: "3s", "10m", "2d4h", "1s500ms". Two units at most;
/// what is smaller is cut off.
[[nodiscard]] std::string describe(std::chrono::milliseconds duration);

}  // namespace mesh

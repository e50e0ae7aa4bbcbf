#pragma once
#include "base/result.hpp"

#include <string_view>

namespace mesh::cli {

/// "20%", "2.5%": a part of a whole as a number from 0 to 1. The sign is needed, digits stand on
/// both sides of a point, at most three behind it. Errors: invalid.
[[nodiscard]] Result<double> parse_percent(std::string_view text);

}  // namespace mesh::cli

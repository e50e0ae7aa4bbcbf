#pragma once
#include "control/plan.hpp"

#include <string>

namespace mesh::cli {

/// One certificate for people, several lines, the first not indented.
[[nodiscard]] std::string describe_line(const control::PlanLine& line, WallTime now);

/// "at once", "in 3d4h (2026-11-25T10:00:00Z)".
[[nodiscard]] std::string when(WallTime at, WallTime now);

}  // namespace mesh::cli

#pragma once
#include "control/plan.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::cli {

/// One certificate for people, several lines, the first not indented.
[[nodiscard]] std::string describe_line(const control::PlanLine& line, WallTime now);

/// "1 certificate", "2 certificates".
[[nodiscard]] std::string counted(std::size_t count, std::string_view what);

/// "at once", "in 3d4h (2026-11-25T10:00:00Z)".
[[nodiscard]] std::string when(WallTime at, WallTime now);

}  // namespace mesh::cli

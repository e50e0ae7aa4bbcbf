#pragma once
#include "base/result.hpp"
#include "control/plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::control {

/// Lines of a plan as a JSON array, keys as docs/commands.md lists them. No line breaks in it.
[[nodiscard]] std::string lines_json(const std::vector<PlanLine>& lines);

/// The same back. Unknown keys are ignored. Errors: invalid.
[[nodiscard]] Result<std::vector<PlanLine>> parse_lines(std::string_view json);

}  // namespace mesh::control

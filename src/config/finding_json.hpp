#pragma once
#include "config/finding.hpp"

#include <nlohmann/json_fwd.hpp>

namespace mesh::config {

/// A finding as commands and the control socket show it (docs/commands.md).
[[nodiscard]] nlohmann::ordered_json to_json(const Finding& finding);

}  // namespace mesh::config

#pragma once
#include "config/finding.hpp"
#include "model/configuration.hpp"

#include <string>
#include <vector>

namespace mesh::app {

/// An error for each option of `next` that a mesh running with `running` cannot follow, by its
/// name: `workers`, and another storage than the store that is open at `store` (empty: none is).
[[nodiscard]] std::vector<config::Finding> restart_needed(const model::Configuration& running,
                                                          const model::Configuration& next,
                                                          const std::string& store);

/// What restart_needed() reads of `running`, and nothing else.
[[nodiscard]] model::Configuration restart_options(const model::Configuration& running);

}  // namespace mesh::app

#pragma once
#include "config/finding.hpp"
#include "model/configuration.hpp"

#include <vector>

namespace mesh::app {

/// An error for each option of `next` that a mesh running with `running` cannot follow in this
/// version, by its name. `has_store`: a store is open.
[[nodiscard]] std::vector<config::Finding> restart_needed(const model::Configuration& running,
                                                          const model::Configuration& next,
                                                          bool has_store);

/// What restart_needed() reads of `running`, and nothing else.
[[nodiscard]] model::Configuration restart_options(const model::Configuration& running);

}  // namespace mesh::app

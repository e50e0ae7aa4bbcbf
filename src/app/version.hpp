#pragma once
#include "base/clock.hpp"

#include <string>

namespace mesh::app {

[[nodiscard]] std::string version();  ///< "0.1.0"
[[nodiscard]] std::string commit();   ///< short hash, or "unknown" outside a checkout
/// When the source was committed: a wall clock before it is certainly wrong.
[[nodiscard]] WallTime source_time();

/// What `mesh --version` prints: version, commit, and each library at build and at run time.
[[nodiscard]] std::string version_text();

}  // namespace mesh::app

#pragma once
#include "proxy/snapshot.hpp"

namespace mesh::proxy {

/// Ends, as their onRemove says, the routers and entry points of `before` that `after` has no more:
/// at once or after `grace`. Returns when the first of their connections have to end;
/// SteadyTime::max() when none has.
SteadyTime end_removed(const Snapshot& before,
                       const Snapshot& after,
                       SteadyTime now,
                       std::chrono::milliseconds grace);

}  // namespace mesh::proxy

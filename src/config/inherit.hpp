#pragma once
#include "config/draft.hpp"
#include "config/problems.hpp"

namespace mesh::config {

/// Gives routers what they leave to their entry points. One that lists none gets the default ones:
/// those flagged `asDefault`, or all when none is. Each field that a router's `tls` leaves out
/// comes from its entry points' `tls`, which must not differ there; a router without `tls` gets
/// one when its rule names a host, and stays plain otherwise. A router that passes TLS through
/// takes nothing: what it could take has no effect there.
///
/// What was taken keeps its place at the entry point, and so do findings about it.
void inherit_from_entry_points(Draft& draft, Problems& problems);

}  // namespace mesh::config

#pragma once
#include "control/import.hpp"

#include <string_view>
#include <vector>

namespace mesh::control {

/// The certificates of Traefik's storage file (acme.json), at most 256 MiB of it. With several
/// resolvers in the file, the one named `resolver` is taken; a file with a single resolver is
/// taken whatever its name. A record without certificate or key comes back with empty texts, so
/// that the report names it.
///
/// Errors: invalid (not JSON, not such a file, no resolver of that name: the message lists those
/// there are).
[[nodiscard]] Result<std::vector<ImportItem>> read_traefik(std::string_view json,
                                                           std::string_view resolver);

}  // namespace mesh::control

#pragma once
#include <string>

namespace mesh::config {

/// The configuration as a JSON Schema (draft 2020-12), for editors: docs/mesh.schema.json. Made
/// from what decodes the configuration. It knows options in their documented spelling and single
/// values by their kind; what belongs together, `mesh check` knows. Fits files of providers.file
/// too.
[[nodiscard]] std::string json_schema();

}  // namespace mesh::config

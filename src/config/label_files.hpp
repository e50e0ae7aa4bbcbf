#pragma once
#include "config/inventory.hpp"
#include "config/problems.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// The labels in a file, each with its place. YAML: a list of `key=value` or a map, by itself,
/// under `labels:`, or in the services of a Compose file (`services.NAME.labels`, `deploy.labels`),
/// where
/// `$$` stands for `$`. Any other file: lines of `key=value`, `#` begins a comment.
[[nodiscard]] std::vector<LabelledUnit> read_labels(std::string_view text,
                                                    const std::string& file_name,
                                                    Problems& problems);

/// The tags in a JSON file: a list, one under `Tags`, or those of a service definition or a catalog
/// (`service`, `services`, `ServiceTags`), in any case; comments and commas as parse_lenient_json
/// takes them. Tags without a '=' are no labels.
[[nodiscard]] std::vector<LabelledUnit> read_tags(std::string_view text,
                                                  const std::string& file_name,
                                                  Problems& problems);

}  // namespace mesh::config

#pragma once
#include "config/labels.hpp"
#include "config/problems.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// A container or a service of a catalog, with what it says of itself.
struct LabelledUnit {
    std::string name;
    std::string provider;                       ///< "docker", "consulcatalog"
    std::shared_ptr<const std::string> source;  ///< LabelReading::source
    std::vector<Label> labels;
};

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

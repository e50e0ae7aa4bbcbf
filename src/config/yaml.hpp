#pragma once
#include "config/problems.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::config {

/// Bounds of a YAML file. Aliases count with everything they stand for, so that a few lines
/// cannot unfold into gigabytes.
inline constexpr int yaml_depth_max = 64;
inline constexpr std::size_t yaml_nodes_max = 4'000'000;

/// Parses one YAML document. `text` is UTF-8 without control characters (check_source_text).
///
/// Anchors and aliases work; an alias keeps the place where the text stands. Refused, each with
/// its place: tags, merge keys (`<<`), a second document, keys that are not scalars, a key that
/// stands twice, more nodes or depth than the bounds. Duplicate keys are all reported, and the
/// first one counts; any other mistake ends the parsing. An empty text is a null.
///
/// Nothing when a mistake made it impossible to go on; `problems` has it then.
[[nodiscard]] std::optional<ParsedTree> parse_yaml(std::string_view text,
                                                   const model::Location& file,
                                                   Problems& problems);

}  // namespace mesh::config

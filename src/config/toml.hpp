#pragma once
#include "config/problems.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace mesh::config {

/// Bounds of a TOML file.
inline constexpr int toml_depth_max = 64;
inline constexpr std::size_t toml_values_max = 1'000'000;

/// Parses a TOML 1.0 document. `text` is UTF-8 without control characters (check_source_text).
///
/// Strings become quoted scalars, all other values plain ones; whole numbers in decimal, dates and
/// fractions as they are written. The entries of a table come in the order of the file. The first
/// mistake ends the parsing, a key that stands twice included; nothing then, and `problems` has it.
[[nodiscard]] std::optional<ParsedTree> parse_toml(std::string_view text,
                                                   const model::Location& file,
                                                   Problems& problems);

}  // namespace mesh::config

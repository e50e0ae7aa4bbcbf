#pragma once
#include "config/problems.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace mesh::config {

inline constexpr int json_depth_max = 64;
inline constexpr std::size_t json_values_max = 1'000'000;

/// Parses JSON as people paste it: comments (`//`, `/* */`), a `,` missing between two items and
/// one too many before the end are warnings that name the exact spot. Everything else that is not
/// JSON is an error, the first of which ends the parsing: nothing then. `text` is UTF-8 without
/// control characters (check_source_text). Strings become quoted scalars, numbers and words plain
/// ones; a key that stands twice is an error, and the first one counts.
[[nodiscard]] std::optional<ParsedTree> parse_lenient_json(std::string_view text,
                                                           const model::Location& file,
                                                           Problems& problems);

}  // namespace mesh::config

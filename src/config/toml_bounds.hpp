#pragma once
#include "config/problems.hpp"

#include <cstddef>
#include <string_view>

namespace mesh::config {

/// What keeps a TOML text affordable for the parser, which nests a table for every dot of a key and
/// searches linearly for headers and dotted keys that it has seen.
inline constexpr std::size_t toml_headers_max = 250'000;
inline constexpr std::size_t toml_dotted_keys_max = 100'000;

/// Looks over a TOML text without parsing it. False when there is too much of something; `problems`
/// says where.
[[nodiscard]] bool check_toml_bounds(std::string_view text,
                                     const model::Location& file,
                                     Problems& problems);

}  // namespace mesh::config

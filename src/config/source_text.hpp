#pragma once
#include "config/problems.hpp"

#include <cstddef>
#include <string_view>

namespace mesh::config {

/// How many characters (not bytes) `utf8` has.
[[nodiscard]] std::size_t character_count(std::string_view utf8);

/// The text without a UTF-8 byte order mark. Reports, with its place, the first byte that is not
/// UTF-8, and the first control character other than tab and line breaks; false then. YAML allows
/// none of these, and some parsers take them for the end of the text.
[[nodiscard]] bool check_source_text(std::string_view& text,
                                     const model::Location& file,
                                     Problems& problems);

}  // namespace mesh::config

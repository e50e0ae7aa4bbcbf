#pragma once
#include "config/problems.hpp"

#include <cstddef>
#include <string_view>

namespace mesh::config {

/// How many characters (not bytes) `utf8` has.
[[nodiscard]] std::size_t character_count(std::string_view utf8);

/// Bytes of the well-formed sequence that `text` begins with, 0 if there is none (Unicode table
/// 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] std::size_t utf8_sequence_size(std::string_view text);

/// The text without a UTF-8 byte order mark at its beginning.
[[nodiscard]] std::string_view without_byte_order_mark(std::string_view text);

/// The place of the byte `at` of a text; takes time proportional to it.
[[nodiscard]] model::Location location_in(std::string_view text,
                                          std::size_t at,
                                          const model::Location& file);

/// Reports, with its place, the first byte that is not UTF-8 or a control character other than tab
/// and line breaks; false then. YAML allows none of these, and some parsers take them for the end
/// of the text.
[[nodiscard]] bool check_source_text(std::string_view text,
                                     const model::Location& file,
                                     Problems& problems);

}  // namespace mesh::config

#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::config {

/// `text` in one line of at most `characters_max` characters, to be shown in a message: what a
/// terminal would act upon (control characters, changes of writing direction) and what is not
/// UTF-8 becomes '?'.
[[nodiscard]] std::string printable(std::string_view text, std::size_t characters_max = 60);

/// The same in double quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace mesh::config

#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mesh::config {

/// `text` with its ASCII letters in lower case.
[[nodiscard]] std::string lower_case(std::string_view text);

/// true, yes, on, 1; false, no, off, 0: in any case. Nothing for all others.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);

}  // namespace mesh::config

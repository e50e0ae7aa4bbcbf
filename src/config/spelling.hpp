#pragma once
#include <string_view>

namespace mesh::config {

/// ASCII letters compare without case, everything else as bytes.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace mesh::config

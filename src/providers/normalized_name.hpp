#pragma once
#include <string>
#include <string_view>

namespace mesh::providers {

/// The name that a container or service gives to what its labels do not name, as in Traefik:
/// letters and digits, every run of anything else one '-', none at the ends. Bytes beyond ASCII
/// count as letters. "-" when nothing is left.
[[nodiscard]] std::string normalized_name(std::string_view name);

}  // namespace mesh::providers

#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::acme {

/// Words from the network for a log, a row or a terminal: one line of printable ASCII, other bytes
/// as blanks, cut at `size_max` with "..." behind.
[[nodiscard]] std::string printable(std::string_view text, std::size_t size_max = 4096);

}  // namespace mesh::acme

#pragma once
#include "base/clock.hpp"

#include <string>

namespace mesh::fault {

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
[[nodiscard]] std::string http_date(WallTime time);

}  // namespace mesh::fault

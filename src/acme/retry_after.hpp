#pragma once
#include "base/clock.hpp"

#include <optional>
#include <string_view>

namespace mesh::acme {

struct RetryAfter {
    std::optional<WallTime> at;  ///< in our time, within [1 s, 24 h] from now
    bool odd = false;            ///< there was a value, but not a sensible one
};

/// Reads a Retry-After field (RFC 9110 §10.2.3), `value` empty when there was none. Seconds or an
/// HTTP date; a date is read against `ca_date`, the Date field of the same answer, where there is
/// one, so that a wrong clock of ours does not matter. Out of range is clamped, text is ignored;
/// both are `odd`. (0 s is common and sensible: as soon as possible, which is 1 s.)
[[nodiscard]] RetryAfter read_retry_after(std::string_view value,
                                          std::optional<WallTime> ca_date,
                                          WallTime now);

}  // namespace mesh::acme

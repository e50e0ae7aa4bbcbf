#pragma once
#include "base/clock.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace mesh {

/// "2026-11-22T15:04:05Z" (RFC 3339, UTC).
[[nodiscard]] std::string rfc3339(WallTime time);
/// The same with milliseconds, as log lines carry it.
[[nodiscard]] std::string rfc3339_ms(WallTime time);
/// Accepts "Z" and numeric offsets, with or without fractional seconds.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);
/// An HTTP date in its preferred form, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7),
/// whatever the locale of the host.
[[nodiscard]] Result<WallTime> parse_http_date(std::string_view text);

}  // namespace mesh

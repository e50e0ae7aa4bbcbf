#pragma once
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace mesh::http {

/// `reference` as an absolute https URL, read relative to `base` where it is not absolute itself
/// (RFC 3986 §5.2). Errors (invalid): not a URL, another scheme than https, longer than 4 KiB.
[[nodiscard]] Result<std::string> resolve_url(const std::string& base, std::string_view reference);

/// "ca.example:443": the part of a URL that people know a server by. Empty when it has none.
[[nodiscard]] std::string authority_of(const std::string& url);

}  // namespace mesh::http

#pragma once
#include "http/client.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::acme {

/// Targets of all Link fields with this relation (RFC 8288), absolute, https only, at most 16,
/// without duplicates. Malformed ones are skipped.
[[nodiscard]] std::vector<std::string> links(const http::Response& response,
                                             std::string_view relation,
                                             const std::string& base);

}  // namespace mesh::acme

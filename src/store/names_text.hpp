#pragma once
#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::store {

/// A list of names as one column: one name per line, in the order given. Errors: invalid for a
/// name that is empty or holds a control byte, because two lists could then read the same.
[[nodiscard]] Result<std::string> names_text(const std::vector<std::string>& names);

/// The same for an identity: sorted, without duplicates, and not empty.
[[nodiscard]] Result<std::string> names_key(std::vector<std::string> names);

/// The inverse of both.
[[nodiscard]] std::vector<std::string> names_of(std::string_view text);

}  // namespace mesh::store

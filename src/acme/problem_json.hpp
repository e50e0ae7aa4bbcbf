#pragma once
// Private to this room.
#include "acme/json.hpp"
#include "acme/types.hpp"

namespace mesh::acme {

/// A problem inside another resource (the `error` of an order or a challenge).
[[nodiscard]] std::optional<Problem> problem_member(const Json& object, const char* name);

}  // namespace mesh::acme

#pragma once
#include "rules/advice.hpp"

#include <string_view>
#include <vector>

namespace mesh::rules {

/// What in a regular expression for server names was probably not meant: an end that is not
/// anchored (`^`, `$`; `.*` and `.+` there show that it is meant), upper-case letters, which no
/// name has once it is compared, and the `{name:pattern}` of Traefik 2. Looks at the text, so it
/// may miss something. At most one of each kind; places are bytes of `pattern`, which compiles.
[[nodiscard]] std::vector<Advice> regexp_advice(std::string_view pattern);

}  // namespace mesh::rules

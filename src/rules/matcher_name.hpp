#pragma once
#include "rules/lexer.hpp"
#include "rules/rule_error.hpp"

#include <optional>
#include <string_view>

namespace mesh::rules {

/// True for the name of any matcher this version knows of, enforced or not.
[[nodiscard]] bool is_matcher_name(std::string_view name);

/// Why `name` cannot be used as a matcher: not enforced in this version, an HTTP matcher, or
/// unknown (with the name that was probably meant). Nothing for HostSNI.
[[nodiscard]] std::optional<RuleError> refuse_matcher(const Token& name);

}  // namespace mesh::rules

#pragma once
#include "config/field.hpp"
#include "config/finding.hpp"
#include "rules/rule_error.hpp"

#include <string_view>

namespace mesh::config {

/// What is to be said of a place within `text`, a rule or another expression: its column where the
/// file has it byte for byte, and the text with a caret, unless it is hidden.
[[nodiscard]] Finding finding_in_text(Severity severity,
                                      std::string_view code,
                                      const Text& text,
                                      const rules::RuleError& remark);

}  // namespace mesh::config

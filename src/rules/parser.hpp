#pragma once
#include "rules/advice.hpp"
#include "rules/expression.hpp"
#include "rules/rule_error.hpp"
#include "rules/token_reader.hpp"

#include <string_view>
#include <vector>

namespace mesh::rules {

/// A rule as it is understood.
struct ParsedRule {
    Expression expression;
    std::vector<Advice> advice;  ///< at most one of each kind, in the order of the text
};

/// Parses the rule language:
///
///     rule    = and { "||" and }
///     and     = unary { "&&" unary }
///     unary   = "!" unary | "(" rule ")" | matcher
///     matcher = name "(" literal ")"
///
/// A matcher's name is accepted in any case.
[[nodiscard]] Parsed<ParsedRule> parse_rule(std::string_view text);

}  // namespace mesh::rules

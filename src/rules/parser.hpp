#pragma once
#include "rules/advice.hpp"
#include "rules/expression.hpp"
#include "rules/rule_error.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace mesh::rules {

/// Bounds of a rule; beyond them parsing is an error that names the bound.
inline constexpr std::size_t rule_size_max = 64 * 1024;  ///< bytes of text
inline constexpr int rule_depth_max = 64;                ///< nested parentheses and negations

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

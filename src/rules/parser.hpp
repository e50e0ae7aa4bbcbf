#pragma once
#include "rules/expression.hpp"
#include "rules/rule_error.hpp"

#include <cstddef>
#include <string_view>

namespace mesh::rules {

/// Bounds of a rule; beyond them parsing is an error that names the bound.
inline constexpr std::size_t rule_size_max = 64 * 1024;  ///< bytes of text
inline constexpr int rule_depth_max = 64;                ///< nested parentheses and negations

/// Parses the rule language:
///
///     rule    = and { "||" and }
///     and     = unary { "&&" unary }
///     unary   = "!" unary | "(" rule ")" | matcher
///     matcher = name "(" literal ")"
///
/// A matcher's name is accepted as Traefik accepts it: as documented, in lower case, in upper
/// case, and in lower case with a capital: HostSNI, hostsni, HOSTSNI, Hostsni.
[[nodiscard]] Parsed<Expression> parse_expression(std::string_view text);

}  // namespace mesh::rules

#pragma once
#include "base/hostname.hpp"
#include "rules/connection_facts.hpp"

#include <optional>
#include <variant>
#include <vector>

namespace mesh::rules {

/// `HostSNI(...)`. Without a pattern it is `*`, which every connection matches, also one that
/// names no host.
struct HostSni {
    std::optional<HostPattern> pattern;

    [[nodiscard]] bool matches(const ConnectionFacts& facts) const {
        return !pattern || (facts.sni && pattern->matches(*facts.sni));
    }
};

/// A matcher, or its opposite.
struct Leaf {
    HostSni matcher;
    bool negated = false;
};

struct Expression;

/// `&&` over two or more operands.
struct All {
    std::vector<Expression> operands;
};

/// `||` over two or more operands.
struct Any {
    std::vector<Expression> operands;
};

/// A parsed rule. Negation stands only at the leaves, because the parser moves it there by
/// De Morgan's laws, and no operand of All is an All, nor of Any an Any: a thousand names joined
/// by `||` are one flat list. What is left of the nesting is bounded by the parser.
struct Expression {
    std::variant<Leaf, All, Any> node;
};

[[nodiscard]] bool matches(const Expression& expression, const ConnectionFacts& facts);

/// How narrow a rule is, for the order of rules of equal priority: an exact name before a
/// wildcard, that before an exclusion, that before `*`; further conditions joined by `&&` add
/// within the class; `||` is as narrow as its widest side.
[[nodiscard]] int specificity(const Expression& expression);

/// Calls `visit(const Leaf&)` for every leaf in the order of the text.
template <class Visit>
void for_each_leaf(const Expression& expression, const Visit& visit) {
    if (const auto* const leaf = std::get_if<Leaf>(&expression.node)) return visit(*leaf);
    const auto* const all = std::get_if<All>(&expression.node);
    const auto& operands = all ? all->operands : std::get<Any>(expression.node).operands;
    for (const Expression& operand : operands) for_each_leaf(operand, visit);
}

}  // namespace mesh::rules

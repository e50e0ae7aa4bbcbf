#pragma once
#include "rules/connection_facts.hpp"
#include "rules/matchers.hpp"

#include <string_view>
#include <variant>
#include <vector>

namespace mesh::rules {

/// A matcher, or its opposite.
struct Leaf {
    Matcher matcher;
    bool negated = false;

    [[nodiscard]] bool matches(const ConnectionFacts& facts) const {
        return std::visit([&](const auto& m) { return m.matches(facts); }, matcher) != negated;
    }
    /// The name or wildcard of a HostSNI; null for HostSNI(`*`) and for other matchers.
    [[nodiscard]] const HostPattern* host() const {
        const auto* const sni = std::get_if<HostSni>(&matcher);
        return sni != nullptr && sni->pattern ? &*sni->pattern : nullptr;
    }
    /// HostSNI(`*`), negated or not.
    [[nodiscard]] bool is_star() const {
        const auto* const sni = std::get_if<HostSni>(&matcher);
        return sni != nullptr && !sni->pattern;
    }
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

/// False only if no connection that names `name` matches, whoever sends it and whatever protocols
/// it offers.
[[nodiscard]] bool may_match(const Expression& expression, const Hostname& name);

/// False only if no connection of `client` matches, whatever it names and offers.
[[nodiscard]] bool may_match(const Expression& expression, const IpAddress& client);

/// The protocol by which `facts` match: that of the first ALPN, in the order of the text, which is
/// not negated and holds in a side that does. Empty without one. Only for facts that match.
[[nodiscard]] std::string_view protocol_matched(const Expression& expression,
                                                const ConnectionFacts& facts);

/// How narrow a rule is, for the order of rules of equal priority: an exact name before a
/// wildcard, that before a regular expression, that before ClientIP, ALPN and exclusions, and
/// those before `*`; further conditions joined by `&&` add within the class; `||` is as narrow as
/// its widest side.
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

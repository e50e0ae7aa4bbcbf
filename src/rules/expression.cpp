#include "rules/expression.hpp"

#include <algorithm>

namespace mesh::rules {
namespace {

/// Room within one class of narrowness for further conditions.
constexpr int class_size = 100;

int specificity_of(const Leaf& leaf) {
    if (leaf.is_star()) return 0;
    if (leaf.negated) return 1 * class_size;
    if (const HostPattern* const host = leaf.host())
        return (host->is_wildcard() ? 3 : 4) * class_size;
    return (std::holds_alternative<HostSniRegexp>(leaf.matcher) ? 2 : 1) * class_size;
}

int specificity_of(const All& all) {
    int narrowest = 0;
    int conditions = 0;
    for (const Expression& operand : all.operands) {
        const int value = specificity(operand);
        narrowest = std::max(narrowest, value);
        if (value > 0) ++conditions;
    }
    const int further = std::max(0, conditions - 1);
    const int room = class_size - 1 - narrowest % class_size;
    return narrowest + std::min(further, room);
}

int specificity_of(const Any& any) {
    int widest = specificity(any.operands.front());
    for (const Expression& operand : any.operands) widest = std::min(widest, specificity(operand));
    return widest;
}

/// `expression` with `holds(const Leaf&)` in the place of its leaves.
template <class Holds>
bool evaluate(const Expression& expression, const Holds& holds) {
    const auto operand_holds = [&holds](const Expression& operand) {
        return evaluate(operand, holds);
    };
    if (const auto* const leaf = std::get_if<Leaf>(&expression.node)) return holds(*leaf);
    if (const auto* const all = std::get_if<All>(&expression.node))
        return std::all_of(all->operands.begin(), all->operands.end(), operand_holds);
    const auto& any = std::get<Any>(expression.node);
    return std::any_of(any.operands.begin(), any.operands.end(), operand_holds);
}

}  // namespace

bool matches(const Expression& expression, const ConnectionFacts& facts) {
    return evaluate(expression, [&facts](const Leaf& leaf) { return leaf.matches(facts); });
}

bool may_match(const Expression& expression, const Hostname& name) {
    const ConnectionFacts named{&name, {}, {}};
    return evaluate(expression, [&named](const Leaf& leaf) {
        const bool about_the_name = std::holds_alternative<HostSni>(leaf.matcher) ||
                                    std::holds_alternative<HostSniRegexp>(leaf.matcher);
        return !about_the_name || leaf.matches(named);
    });
}

bool may_match(const Expression& expression, const IpAddress& client) {
    const ConnectionFacts sent{nullptr, client, {}};
    return evaluate(expression, [&sent](const Leaf& leaf) {
        return !std::holds_alternative<ClientIp>(leaf.matcher) || leaf.matches(sent);
    });
}

std::string_view protocol_matched(const Expression& expression, const ConnectionFacts& facts) {
    if (const auto* const leaf = std::get_if<Leaf>(&expression.node)) {
        const auto* const alpn = std::get_if<Alpn>(&leaf->matcher);
        return alpn != nullptr && !leaf->negated ? std::string_view(alpn->protocol)
                                                 : std::string_view();
    }
    const auto* const all = std::get_if<All>(&expression.node);
    const auto& operands = all ? all->operands : std::get<Any>(expression.node).operands;
    for (const Expression& operand : operands) {
        // Of `&&` every side holds; of `||` one that does not must not decide.
        if (all == nullptr && !matches(operand, facts)) continue;
        const std::string_view protocol = protocol_matched(operand, facts);
        if (!protocol.empty()) return protocol;
    }
    return {};
}

int specificity(const Expression& expression) {
    return std::visit([](const auto& node) { return specificity_of(node); }, expression.node);
}

}  // namespace mesh::rules

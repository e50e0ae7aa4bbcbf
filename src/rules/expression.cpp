#include "rules/expression.hpp"

#include <algorithm>

namespace mesh::rules {
namespace {

/// Room within one class of narrowness for further conditions.
constexpr int class_size = 100;

int specificity_of(const Leaf& leaf) {
    if (leaf.negated) return 1 * class_size;
    if (!leaf.matcher.pattern) return 0;
    return (leaf.matcher.pattern->is_wildcard() ? 2 : 3) * class_size;
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

}  // namespace

bool matches(const Expression& expression, const ConnectionFacts& facts) {
    const auto holds = [&facts](const Expression& operand) { return matches(operand, facts); };
    if (const auto* const leaf = std::get_if<Leaf>(&expression.node))
        return leaf->matcher.matches(facts) != leaf->negated;
    if (const auto* const all = std::get_if<All>(&expression.node))
        return std::all_of(all->operands.begin(), all->operands.end(), holds);
    const auto& any = std::get<Any>(expression.node);
    return std::any_of(any.operands.begin(), any.operands.end(), holds);
}

int specificity(const Expression& expression) {
    return std::visit([](const auto& node) { return specificity_of(node); }, expression.node);
}

}  // namespace mesh::rules

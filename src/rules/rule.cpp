#include "rules/rule.hpp"

#include "rules/expression.hpp"
#include "rules/parser.hpp"

#include <set>

namespace mesh::rules {

struct Rule::Body {
    std::string text;
    Expression expression;
};

Parsed<Rule> Rule::parse(std::string_view text) {
    auto expression = parse_expression(text);
    if (!expression) return expression.error();
    return Rule(std::make_shared<const Body>(Body{std::string(text), std::move(*expression)}));
}

bool Rule::matches(const ConnectionFacts& facts) const {
    return rules::matches(body_->expression, facts);
}

const std::string& Rule::text() const {
    return body_->text;
}

std::vector<HostPattern> Rule::positive_names() const {
    std::vector<HostPattern> names;
    std::set<HostPattern> seen;
    for_each_leaf(body_->expression, [&](const Leaf& leaf) {
        const auto& pattern = leaf.matcher.pattern;
        if (pattern && !leaf.negated && seen.insert(*pattern).second) names.push_back(*pattern);
    });
    return names;
}

bool Rule::mentions_host_sni() const {
    // It is the only matcher of this version, and no rule is without a matcher.
    return true;
}

bool Rule::names_a_host() const {
    bool found = false;
    for_each_leaf(body_->expression, [&found](const Leaf& leaf) {
        found = found || leaf.matcher.pattern.has_value();
    });
    return found;
}

bool Rule::is_catch_all() const {
    const auto* const leaf = std::get_if<Leaf>(&body_->expression.node);
    return leaf != nullptr && !leaf->negated && !leaf->matcher.pattern;
}

int Rule::specificity() const {
    return rules::specificity(body_->expression);
}

const Expression& Rule::expression() const {
    return body_->expression;
}

}  // namespace mesh::rules

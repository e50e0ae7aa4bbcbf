#include "rules/rule.hpp"

#include "rules/expression.hpp"
#include "rules/parser.hpp"

#include <set>

namespace mesh::rules {

namespace {

template <class Test>
bool any_leaf(const Expression& expression, const Test& test) {
    bool found = false;
    for_each_leaf(expression, [&](const Leaf& leaf) { found = found || test(leaf); });
    return found;
}

template <class Kind>
bool is(const Leaf& leaf) {
    return std::holds_alternative<Kind>(leaf.matcher);
}

}  // namespace

struct Rule::Body {
    std::string text;
    ParsedRule parsed;
};

Parsed<Rule> Rule::parse(std::string_view text) {
    auto parsed = parse_rule(text);
    if (!parsed) return parsed.error();
    return Rule(std::make_shared<const Body>(Body{std::string(text), std::move(*parsed)}));
}

bool Rule::matches(const ConnectionFacts& facts) const {
    return rules::matches(expression(), facts);
}

bool Rule::may_match(const Hostname& name) const {
    return rules::may_match(expression(), name);
}

std::string_view Rule::protocol_matched(const ConnectionFacts& facts) const {
    return rules::protocol_matched(expression(), facts);
}

const std::string& Rule::text() const {
    return body_->text;
}

const std::vector<Advice>& Rule::advice() const {
    return body_->parsed.advice;
}

std::vector<HostPattern> Rule::positive_names() const {
    std::vector<HostPattern> names;
    std::set<HostPattern> seen;
    for_each_leaf(expression(), [&](const Leaf& leaf) {
        const HostPattern* const host = leaf.host();
        if (host != nullptr && !leaf.negated && seen.insert(*host).second) names.push_back(*host);
    });
    return names;
}

bool Rule::mentions_host_sni() const {
    return any_leaf(expression(),
                    [](const Leaf& leaf) { return is<HostSni>(leaf) || is<HostSniRegexp>(leaf); });
}

bool Rule::has_positive_regexp() const {
    return any_leaf(expression(),
                    [](const Leaf& leaf) { return is<HostSniRegexp>(leaf) && !leaf.negated; });
}

bool Rule::names_a_host() const {
    return any_leaf(expression(), [](const Leaf& leaf) {
        return leaf.host() != nullptr || is<HostSniRegexp>(leaf);
    });
}

bool Rule::asks_for_protocol() const {
    return any_leaf(expression(), [](const Leaf& leaf) { return is<Alpn>(leaf); });
}

std::vector<std::string> Rule::positive_protocols() const {
    std::vector<std::string> protocols;
    for_each_leaf(expression(), [&](const Leaf& leaf) {
        const auto* const alpn = std::get_if<Alpn>(&leaf.matcher);
        if (alpn != nullptr && !leaf.negated) protocols.push_back(alpn->protocol);
    });
    return protocols;
}

bool Rule::is_catch_all() const {
    const auto* const leaf = std::get_if<Leaf>(&expression().node);
    return leaf != nullptr && !leaf->negated && leaf->is_star();
}

int Rule::specificity() const {
    return rules::specificity(expression());
}

const Expression& Rule::expression() const {
    return body_->parsed.expression;
}

}  // namespace mesh::rules

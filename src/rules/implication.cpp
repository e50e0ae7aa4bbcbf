#include "rules/implication.hpp"

#include <algorithm>
#include <string_view>

namespace mesh::rules {
namespace {

bool is_always(const Matcher& matcher) {
    if (const auto* const sni = std::get_if<HostSni>(&matcher)) return !sni->pattern;
    const auto* const regexp = std::get_if<HostSniRegexp>(&matcher);
    return regexp != nullptr &&
           (regexp->regexp.pattern() == ".*" || regexp->regexp.pattern() == "^.*$");
}

/// The one name a matcher is about, or null.
const Hostname* only_name(const Matcher& matcher) {
    const auto* const sni = std::get_if<HostSni>(&matcher);
    return sni != nullptr && sni->pattern && !sni->pattern->is_wildcard() ? &sni->pattern->name()
                                                                          : nullptr;
}

// Of two matchers of different kinds nothing is known.
template <class A, class B>
bool within(const A&, const B&) {
    return false;
}
bool within(const HostSni& narrow, const HostSni& wide) {
    return narrow.pattern && wide.pattern->covers(*narrow.pattern);
}
bool within(const HostSniRegexp& narrow, const HostSniRegexp& wide) {
    return narrow.regexp.pattern() == wide.regexp.pattern();
}
bool within(const ClientIp& narrow, const ClientIp& wide) {
    return wide.network.contains(narrow.network);
}
bool within(const Alpn& narrow, const Alpn& wide) {
    return narrow.protocol == wide.protocol;
}

bool within(const Matcher& narrow, const Matcher& wide) {
    if (is_always(wide)) return true;
    if (const Hostname* const name = only_name(narrow);
        name != nullptr && std::holds_alternative<HostSniRegexp>(wide))
        return std::get<HostSniRegexp>(wide).regexp.matches(name->text());
    return std::visit([](const auto& a, const auto& b) { return within(a, b); }, narrow, wide);
}

/// True if no connection matches both.
bool apart(const Matcher& a, const Matcher& b) {
    const auto* const host_a = std::get_if<HostSni>(&a);
    const auto* const host_b = std::get_if<HostSni>(&b);
    if (host_a != nullptr && host_b != nullptr)
        return host_a->pattern && host_b->pattern && !host_a->pattern->covers(*host_b->pattern) &&
               !host_b->pattern->covers(*host_a->pattern);
    const auto* const network_a = std::get_if<ClientIp>(&a);
    const auto* const network_b = std::get_if<ClientIp>(&b);
    if (network_a != nullptr && network_b != nullptr)
        return !network_a->network.contains(network_b->network) &&
               !network_b->network.contains(network_a->network);
    const auto outside = [](const Matcher& name, const Matcher& regexp) {
        return only_name(name) != nullptr && std::holds_alternative<HostSniRegexp>(regexp) &&
               !within(name, regexp);
    };
    return outside(a, b) || outside(b, a);
}

bool leaf_implies(const Leaf& narrow, const Leaf& wide) {
    if (narrow.negated && is_always(narrow.matcher)) return true;  // never true itself
    if (!wide.negated)
        return is_always(wide.matcher) || (!narrow.negated && within(narrow.matcher, wide.matcher));
    return narrow.negated ? within(wide.matcher, narrow.matcher)
                          : apart(narrow.matcher, wide.matcher);
}

}  // namespace

bool Implication::holds(const Expression& narrow, const Expression& wide) {
    if (work_left_ == 0) return false;
    --work_left_;
    const auto implied = [&](const Expression& operand) { return holds(narrow, operand); };
    const auto implying = [&](const Expression& operand) { return holds(operand, wide); };

    const auto* const narrow_any = std::get_if<Any>(&narrow.node);
    if (narrow_any != nullptr)
        return std::all_of(narrow_any->operands.begin(), narrow_any->operands.end(), implying);
    const auto* const wide_all = std::get_if<All>(&wide.node);
    if (wide_all != nullptr)
        return std::all_of(wide_all->operands.begin(), wide_all->operands.end(), implied);

    const auto* const narrow_leaf = std::get_if<Leaf>(&narrow.node);
    const auto* const wide_leaf = std::get_if<Leaf>(&wide.node);
    if (narrow_leaf != nullptr && wide_leaf != nullptr)
        return leaf_implies(*narrow_leaf, *wide_leaf);

    const auto* const wide_any = std::get_if<Any>(&wide.node);
    if (wide_any != nullptr &&
        std::any_of(wide_any->operands.begin(), wide_any->operands.end(), implied))
        return true;
    const auto* const narrow_all = std::get_if<All>(&narrow.node);
    return narrow_all != nullptr &&
           std::any_of(narrow_all->operands.begin(), narrow_all->operands.end(), implying);
}

}  // namespace mesh::rules

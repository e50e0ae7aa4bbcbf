// A text is either a rule, whose index agrees with its evaluation and whose negation is its
// opposite, or an error that points into the text and can be shown on a terminal.
#include "fuzz/fuzz.hpp"
#include "rules/expression.hpp"
#include "rules/parser.hpp"
#include "rules/rule.hpp"
#include "rules/sni_index.hpp"
#include "support/facts.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using mesh::Hostname;
using mesh::fuzz::require;
using mesh::rules::Advice;
using mesh::rules::Leaf;
using mesh::rules::Rule;
using mesh::rules::RuleError;
using mesh::test::Facts;

/// Every name of the rule, a name below it, and one that no rule knows; clients of its networks;
/// all protocols it asks for, or none.
std::vector<Facts> connections_for(const Rule& rule) {
    std::vector<Facts> out(1);
    const auto add = [&out](const std::string& name) {
        if (auto host = Hostname::parse(name)) out.push_back({std::move(*host), {}, {}});
    };
    add("nobody.test");
    for (const mesh::HostPattern& name : rule.positive_names()) {
        if (out.size() > 16) break;
        add(name.name().text());
        add("x." + name.name().text());
    }
    std::size_t next = 0;
    for_each_leaf(rule.expression(), [&](const Leaf& leaf) {
        Facts& facts = out[next++ % out.size()];
        if (const auto* const ip = std::get_if<mesh::rules::ClientIp>(&leaf.matcher))
            facts.client = ip->network.first();
        if (const auto* const alpn = std::get_if<mesh::rules::Alpn>(&leaf.matcher))
            facts.alpn.push_back(alpn->protocol);
    });
    return out;
}

void check_place(const RuleError& remark, std::string_view text);

void check_rule(const Rule& rule) {
    const mesh::rules::SniIndex index({{rule, {rule, {}, "file", "r"}, 7}});
    const auto negation = Rule::parse("!(" + rule.text() + ")");
    for (const Facts& facts : connections_for(rule)) {
        const bool matched = rule.matches(facts);
        const auto found = index.lookup(facts);
        require(found.has_value() == matched);
        if (found) require(found->protocol == rule.protocol_matched(facts));
        if (found && !found->protocol.empty())
            require(std::find(facts.alpn.begin(), facts.alpn.end(), found->protocol) !=
                    facts.alpn.end());
        if (matched && facts.sni) require(index.may_route(*facts.sni));
        if (negation) require(negation->matches(facts) != matched);
    }
    require(!rule.is_catch_all() || (!rule.names_a_host() && rule.mentions_host_sni()));
    require(rule.positive_names().empty() || rule.names_a_host());
    require(rule.specificity() >= 0);
    for (const Advice& advice : rule.advice()) check_place(advice.remark, rule.text());
}

void check_place(const RuleError& error, std::string_view text) {
    require(error.offset <= text.size());
    require(error.length <= text.size() - error.offset);
    require(!error.message.empty() && error.message.size() < 400 && error.hint.size() < 400);
    const auto shown_safely = [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); };
    require(std::all_of(error.message.begin(), error.message.end(), shown_safely));
    require(std::all_of(error.hint.begin(), error.hint.end(), shown_safely));

    const std::string shown = render(error, text);
    require(shown.size() < 2000);
    require(shown.ends_with('\n'));
    const auto is_control = [](char c) { return c != '\n' && c >= 0 && (c < 0x20 || c == 0x7F); };
    require(std::none_of(shown.begin(), shown.end(), is_control));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = mesh::fuzz::text(data, size);
    if (const auto rule = Rule::parse(text)) {
        require(rule->text() == text && size <= mesh::rules::rule_size_max);
        check_rule(*rule);
    } else {
        check_place(rule.error(), text);
    }
    return 0;
}

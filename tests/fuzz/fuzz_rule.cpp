// A text is either a rule, whose index agrees with its evaluation and whose negation is its
// opposite, or an error that points into the text and can be shown on a terminal.
#include "fuzz/fuzz.hpp"
#include "rules/parser.hpp"
#include "rules/rule.hpp"
#include "rules/sni_index.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using mesh::Hostname;
using mesh::fuzz::require;
using mesh::rules::ConnectionFacts;
using mesh::rules::Rule;
using mesh::rules::RuleError;

/// Every name of the rule, a name below it, and one that no rule knows.
std::vector<ConnectionFacts> connections_for(const Rule& rule) {
    std::vector<ConnectionFacts> out(1);
    const auto add = [&out](const std::string& name) {
        if (auto host = Hostname::parse(name)) out.push_back({std::move(*host)});
    };
    add("nobody.test");
    for (const mesh::HostPattern& name : rule.positive_names()) {
        if (out.size() > 16) break;
        add(name.name().text());
        add("x." + name.name().text());
    }
    return out;
}

void check_rule(const Rule& rule) {
    const mesh::rules::SniIndex index({{rule, {rule, {}, "file", "r"}, 7}});
    const auto negation = Rule::parse("!(" + rule.text() + ")");
    for (const ConnectionFacts& facts : connections_for(rule)) {
        const bool matched = rule.matches(facts);
        require(index.lookup(facts).has_value() == matched);
        if (negation) require(negation->matches(facts) != matched);
    }
    require(rule.is_catch_all() ? !rule.names_a_host() : rule.mentions_host_sni());
    require(rule.positive_names().empty() || rule.names_a_host());
    require(rule.specificity() >= 0);
}

void check_error(const RuleError& error, std::string_view text) {
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
        check_error(rule.error(), text);
    }
    return 0;
}

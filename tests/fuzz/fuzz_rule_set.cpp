// A set of rules, one a line, compiled into an index that answers for every connection as asking
// each of them in order of rank does. A line "@NAME ADDRESS PROTOCOL..." is a connection ("-":
// none); one that begins with a number and a space has that priority.
#include "fuzz/fuzz.hpp"
#include "rules/contest.hpp"
#include "rules/sni_index.hpp"
#include "support/facts.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string>
#include <vector>

namespace {

using mesh::fuzz::require;
using mesh::rules::Contest;
using mesh::rules::Rank;
using mesh::rules::RankedRule;
using mesh::rules::Rule;
using mesh::rules::SniIndex;
using mesh::test::Facts;

constexpr std::size_t rules_max = 64;
constexpr std::size_t connections_max = 32;

struct Input {
    std::vector<RankedRule> rules;
    std::vector<Facts> connections{1};
};

Facts connection(const std::string& line) {
    std::istringstream words(line);
    std::string name;
    std::string address;
    words >> name >> address;
    Facts facts;
    if (auto host = mesh::Hostname::parse(name)) facts.sni = std::move(*host);
    facts.client = mesh::IpAddress::parse(address);
    for (std::string protocol; words >> protocol;) facts.alpn.push_back(protocol);
    return facts;
}

Input read(std::string_view text) {
    Input input;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('@')) {
            if (input.connections.size() < connections_max)
                input.connections.push_back(connection(line.substr(1)));
            continue;
        }
        std::int64_t priority = 0;
        const auto number = std::from_chars(line.data(), line.data() + line.size(), priority);
        const auto rule = Rule::parse(std::string_view(number.ptr, line.data() + line.size()));
        if (!rule || input.rules.size() == rules_max) continue;
        const std::size_t place = input.rules.size();
        input.rules.push_back(
            {*rule, Rank(*rule, priority, "file", "r" + std::to_string(place)), place});
    }
    return input;
}

const RankedRule* first_match(const std::vector<RankedRule>& rules, const Facts& facts) {
    const RankedRule* best = nullptr;
    for (const RankedRule& candidate : rules)
        if ((best == nullptr || candidate.rank.outranks(best->rank)) &&
            candidate.rule.matches(facts))
            best = &candidate;
    return best;
}

/// Whoever is said to be never reached is the first match of nobody.
void check_contests(const Input& input) {
    for (const Contest& contest : never_reached(input.rules))
        for (const Facts& facts : input.connections) {
            const RankedRule* const best = first_match(input.rules, facts);
            require(best == nullptr || best->payload != contest.loser);
        }
    for (const Contest& contest : decided_by_name(input.rules)) {
        const Rank& winner = input.rules[contest.winner.value()].rank;
        require(winner.outranks(input.rules[contest.loser].rank));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = read(mesh::fuzz::text(data, size));
    const SniIndex index(input.rules);
    for (const Facts& facts : input.connections) {
        const auto found = index.lookup(facts);
        const RankedRule* const best = first_match(input.rules, facts);
        require(found.has_value() == (best != nullptr));
        if (!found) continue;
        require(found->payload == best->payload);
        require(found->protocol == best->rule.protocol_matched(facts));
        if (facts.sni) require(index.may_route(*facts.sni));
    }
    check_contests(input);
    return 0;
}

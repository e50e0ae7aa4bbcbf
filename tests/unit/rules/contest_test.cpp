#include "rules/contest.hpp"

#include "support/catch.hpp"

#include <ctime>

using mesh::rules::Contest;
using mesh::rules::decided_by_name;
using mesh::rules::never_reached;
using mesh::rules::Rank;
using mesh::rules::RankedRule;
using mesh::rules::Rule;

namespace {

struct Given {
    std::string rule;
    std::optional<std::int64_t> priority{};
};

std::vector<RankedRule> table(const std::vector<Given>& given) {
    std::vector<RankedRule> out;
    for (const Given& g : given) {
        const Rule rule = Rule::parse(g.rule).value();
        const std::string name = "r" + std::to_string(out.size());
        out.push_back({rule, Rank(rule, g.priority, "file", name), out.size()});
    }
    return out;
}

/// Whether the first of two routers takes all that the second could get.
bool takes_all(const std::string& first, const std::string& second) {
    const auto contests = never_reached(table({{first, 1000}, {second}}));
    for (const Contest& contest : contests)
        if (contest.loser == 1 && contest.winner == 0U) return true;
    return false;
}

bool meet(const std::string& first, const std::string& second) {
    return !decided_by_name(table({{first, 7}, {second, 7}})).empty();
}

}  // namespace

TEST_CASE("contest: a rule whose connections all go to one of higher rank", "[contest]") {
    struct Case {
        const char* first;
        const char* second;
        bool taken;
    };
    const Case cases[] = {
        {"HostSNI(`*`)", "HostSNI(`a.x`)", true},
        {"HostSNIRegexp(`.*`)", "ALPN(`h2`)", true},
        {"HostSNI(`*.x`)", "HostSNI(`a.x`)", true},
        {"HostSNI(`*.x`)", "HostSNI(`a.x`) && ClientIP(`10.0.0.1`)", true},
        {"HostSNI(`*.x`)", "HostSNI(`a.x`) || HostSNI(`b.x`)", true},
        {"HostSNI(`*.x`)", "HostSNI(`a.x`) || HostSNI(`a.y`)", false},
        {"HostSNI(`a.x`)", "HostSNI(`*.x`)", false},
        {"HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)", "HostSNI(`a.x`)", false},
        {"HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)",
         "HostSNI(`a.x`) && ClientIP(`10.1.0.0/16`)",
         true},
        {"HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)",
         "HostSNI(`a.x`) && ClientIP(`11.1.0.0/16`)",
         false},
        {"HostSNI(`a.x`) || HostSNI(`b.x`)", "HostSNI(`b.x`) && ALPN(`h2`)", true},
        {"ALPN(`h2`)", "HostSNI(`b.x`) && ALPN(`h2`)", true},
        {"ALPN(`h2`) && HostSNI(`b.x`)", "HostSNI(`b.x`) && ALPN(`h2`) && !ALPN(`mqtt`)", true},
        {"!HostSNI(`b.x`)", "HostSNI(`a.x`)", true},
        {"!HostSNI(`b.x`)", "HostSNI(`b.x`)", false},
        {"!HostSNI(`*.x`)", "HostSNI(`a.x`)", false},
        {"!HostSNI(`b.x`)", "HostSNI(`*.x`)", false},
        {"!ClientIP(`10.0.0.0/8`)", "ClientIP(`192.0.2.1`)", true},
        {"!ClientIP(`10.0.0.0/8`)", "ClientIP(`10.1.1.1`)", false},
        {"!HostSNI(`a.x`)", "!HostSNI(`*.x`)", true},
        {"!HostSNI(`*.x`)", "!HostSNI(`a.x`)", false},
        {"HostSNIRegexp(`^a`)", "HostSNI(`a.x`)", true},
        {"HostSNIRegexp(`^b`)", "HostSNI(`a.x`)", false},
        {"!HostSNIRegexp(`^b`)", "HostSNI(`a.x`)", true},
        {"HostSNIRegexp(`^a`)", "HostSNI(`*.x`) && HostSNIRegexp(`^a`)", true},
    };
    for (const Case& c : cases) {
        CAPTURE(c.first, c.second);
        CHECK(takes_all(c.first, c.second) == c.taken);
    }
}

TEST_CASE("contest: several rules together take what one does not", "[contest]") {
    const auto contests = never_reached(table(
        {{"HostSNI(`b.x`)", 9}, {"HostSNI(`a.x`)", 8}, {"HostSNI(`a.x`) || HostSNI(`b.x`)", 7}}));

    REQUIRE(contests.size() == 1);
    CHECK(contests[0].loser == 2);
    CHECK(contests[0].winner == 0U);  // the highest of them
}

TEST_CASE("contest: a rule that matches nothing has no winner", "[contest]") {
    const auto contests = never_reached(table({{"!HostSNI(`*`)"}}));

    REQUIRE(contests.size() == 1);
    CHECK_FALSE(contests[0].winner.has_value());
}

TEST_CASE("contest: names decide between rules of equal rank that meet", "[contest]") {
    CHECK(meet("HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)",
               "HostSNI(`a.x`) && !ClientIP(`10.9.0.0/16`)"));
    CHECK(meet("HostSNI(`a.x`) && ALPN(`h2`)", "HostSNI(`a.x`) && ALPN(`mqtt`)"));
    CHECK(meet("ClientIP(`10.0.0.0/8`)", "ALPN(`h2`)"));
    CHECK(meet("HostSNIRegexp(`^a|^$`)", "HostSNIRegexp(`x$|^$`)"));

    CHECK_FALSE(meet("HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)",
                     "HostSNI(`a.x`) && ClientIP(`192.0.2.0/24`)"));
    CHECK_FALSE(meet("HostSNI(`a.x`)", "HostSNI(`b.x`)"));
    CHECK_FALSE(meet("HostSNI(`a.x`)", "HostSNI(`*.x`)"));  // the narrower one comes first
    CHECK_FALSE(meet("ClientIP(`10.0.0.0/8`)", "ClientIP(`10.0.0.0/8`)"));  // the same text
}

TEST_CASE("contest: two rules that meet only where a third one wins are no rivals", "[contest]") {
    const Given first{"HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)", 7};
    const Given second{"HostSNI(`a.x`) && ALPN(`h2`)", 7};

    CHECK(decided_by_name(table({first, second})).size() == 1);
    CHECK(decided_by_name(table({first, second, {"HostSNI(`a.x`)", 8}})).empty());
}

TEST_CASE("contest: ten thousand routers are compared in a moment", "[contest]") {
    std::vector<Given> named;
    std::vector<Given> unnamed;
    for (int i = 0; i < 10'000; ++i) {
        const std::string n = std::to_string(i);
        named.push_back({"HostSNI(`host" + n + ".x`) && ClientIP(`10.0.0.0/8`)"});
        unnamed.push_back({"HostSNIRegexp(`^h" + n + "$`)"});
    }
    const auto names = table(named);
    const auto regexps = table(unnamed);
    const std::clock_t began = std::clock();

    CHECK(never_reached(names).empty());
    CHECK(decided_by_name(names).empty());
    CHECK(never_reached(regexps).empty());
    CHECK(decided_by_name(regexps).empty());
    CHECK((std::clock() - began) / CLOCKS_PER_SEC < 20);
}

TEST_CASE("contest: rules of a thousand names are compared in a moment", "[contest]") {
    std::vector<Given> given;
    for (int i = 0; i < 60; ++i) {
        std::string rule = "HostSNIRegexp(`^h" + std::to_string(i) + "$`)";
        for (int name = 0; name < 1'000; ++name)
            rule += " && !HostSNI(`n" + std::to_string(name) + ".x`)";
        given.push_back({rule});
    }
    const auto rules = table(given);
    const std::clock_t began = std::clock();

    CHECK(decided_by_name(rules).empty());
    CHECK((std::clock() - began) / CLOCKS_PER_SEC < 20);
}

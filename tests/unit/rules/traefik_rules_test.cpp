// Traefik's cases of rule parsing, R1 to R32 of tests/traefik/README.md.
#include "rules/rank.hpp"
#include "rules/rule.hpp"
#include "support/catch.hpp"
#include "support/facts.hpp"

#include <optional>

using mesh::rules::Rank;
using mesh::rules::Rule;
using mesh::test::facts;

TEST_CASE("traefik rules: what is a rule and what is none", "[traefik]") {
    struct Case {
        const char* row;
        const char* rule;
        bool accepted;
    };
    const Case cases[] = {
        {"R1", "", false},
        {"R2", "rulewithnotmatcher", false},
        {"R3", "HostSNI(``)", false},
        {"R4", "HostSNI()", false},
        {"R5", "HostSNI(`a.b`, `c.d`)", false},
        {"R6", "hostsni(`a.b`)", true},
        {"R6", "HOSTSNI(`a.b`)", true},
        // Traefik knows four spellings.
        {"R7", "hostSNI(`a.b`)", true},
        {"R8", "Unknown(`a.b`)", false},
        {"R9", "HostSNI(\"a.b\")", true},
        {"R10", "HostSNI('a.b')", false},
        {"R11", "HostSNI(`a.b`", false},
        {"R11", "HostSNI(`a.b)", false},
        {"R12", "(((HostSNI(`a.b`))))", true},
        {"R13", "HostSNI(`a.b`) &&", false},
        {"R13", "HostSNI(`a.b`) && ()", false},
        {"R13", "HostSNI(`a.b`) ||", false},
        {"R13", "HostSNI(`a.b`) || ()", false},
        {"R17", "HostSNI(`a.b`) & HostSNI(`c.d`)", false},
        {"R17", "HostSNI(`a.b`) == HostSNI(`c.d`)", false},
        {"R17", "HostSNI(`a.b`) and HostSNI(`c.d`)", false},
        // An error in Traefik, where Go ends the line with a semicolon.
        {"R18", "HostSNI(`a.b`)\n&& ClientIP(`::1`)", true},
        {"R18", "HostSNI(`a.b`) &&\nClientIP(`::1`)", true},
        {"R19", "HostSNI(`\U0001F9AD.com`)", false},
        {"R20", "HostSNI(`xn--9t9h.com`)", true},
        {"R21", "HostSNI(`*.*.example.com`)", false},
        {"R22", "HostSNI(`foo.*.com`)", false},
        {"R22", "HostSNI(`*foo.com`)", false},
        {"R23", "HostSNIRegexp(`(example.com`)", false},
        {"R24", "HostSNIRegexp(`\U0001F9AD.com`)", false},
        {"R25", "ClientIP(`invalid`)", false},
        {"R25", "ClientIP(``)", false},
        {"R25", "ClientIP(`\U0001F9AD/32`)", false},
        {"R26", "ALPN(`acme-tls/1`)", false},
        {"R27", "ALPN(``)", false},
        {"R27", "ALPN(`h2`,`mqtt`)", false},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row, c.rule);
        CHECK(Rule::parse(c.rule).has_value() == c.accepted);
    }
}

TEST_CASE("traefik rules: how operators bind", "[traefik]") {
    struct Case {
        const char* row;
        const char* rule;
        const char* same_as;
    };
    const Case cases[] = {
        {"R12", "(((A)))", "A"},
        {"R14", "!(A && B)", "(!A) || (!B)"},
        {"R15", "!(A || B)", "(!A) && (!B)"},
        {"R16", "A || B && C", "A || (B && C)"},
    };
    const auto parsed = [](std::string text) {
        for (const auto& [letter, matcher] : {std::pair{'A', "HostSNI(`a.b`)"},
                                              std::pair{'B', "ClientIP(`10.0.0.1`)"},
                                              std::pair{'C', "ALPN(`h2`)"}})
            // The matchers hold letters too, but no such letter in front of a '(' or a space.
            for (std::size_t at = 0; (at = text.find(letter, at)) != std::string::npos;) {
                const bool alone =
                    at + 1 == text.size() || text[at + 1] == ' ' || text[at + 1] == ')';
                if (alone) text.replace(at, 1, matcher);
                at += alone ? std::string(matcher).size() : 1;
            }
        CAPTURE(text);
        return Rule::parse(text).value();
    };
    for (const Case& c : cases) {
        CAPTURE(c.row, c.rule);
        const Rule rule = parsed(c.rule);
        const Rule same = parsed(c.same_as);
        for (const char* name : {"a.b", "c.d", ""})
            for (const char* client : {"10.0.0.1", "10.0.0.2"})
                for (const std::vector<std::string>& alpn :
                     {std::vector<std::string>{}, std::vector<std::string>{"h2"}}) {
                    const auto all = facts(name, client, alpn);
                    CAPTURE(name, client, alpn.size());
                    CHECK(rule.matches(all) == same.matches(all));
                }
    }
}

TEST_CASE("traefik rules: the priority a rule has of itself", "[traefik]") {
    struct Case {
        const char* row;
        const char* rule;
        std::int64_t priority;
    };
    const Case cases[] = {
        {"R28", "HostSNI(`example.org`)", 22},
        {"R29", "HostSNI(`*`)", -1},
        {"R29", " HostSNI ( `*` ) ", -1},
        {"R30", "HostSNI(`*`) || HostSNI(`*`)", 28},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row, c.rule);
        CHECK(Rank(Rule::parse(c.rule).value(), std::nullopt, "file", "r").priority() ==
              c.priority);
    }
}

// Traefik's cases of matching, S1 to S37 of tests/traefik/README.md.
#include "rules/sni_index.hpp"
#include "support/catch.hpp"
#include "support/facts.hpp"

using mesh::Hostname;
using mesh::rules::Rank;
using mesh::rules::RankedRule;
using mesh::rules::Rule;
using mesh::rules::SniIndex;
using mesh::test::facts;

namespace {

RankedRule ranked(const char* text,
                  std::size_t payload,
                  std::optional<std::int64_t> priority,
                  std::string provider,
                  std::string router) {
    const Rule rule = Rule::parse(text).value();
    return {rule, Rank(rule, priority, std::move(provider), std::move(router)), payload};
}

std::optional<std::size_t> winner(std::vector<RankedRule> rules, const char* sni) {
    const auto found = SniIndex(std::move(rules)).lookup(facts(sni));
    return found ? std::optional(found->payload) : std::nullopt;
}

}  // namespace

TEST_CASE("traefik matching: one rule, one connection", "[traefik]") {
    struct Case {
        const char* row;
        const char* rule;
        const char* sni;
        const char* client;
        std::vector<std::string> alpn;
        bool expected;
    };
    const char* const s31 =
        "HostSNI(`example.org`) || HostSNI(`example.com`) && ClientIP(`10.10.10.1`)";
    const char* const s32 =
        "(HostSNI(`example.org`) || HostSNI(`example.com`)) && "
        "(ClientIP(`10.10.10.1`) || ClientIP(`10.10.10.2`))";
    const char* const s33 = "ALPN(`h2c`) && (!ALPN(`h2`) || HostSNI(`example.eu`))";
    const char* const s16 = "HostSNIRegexp(`^example\\.(com|org)$`)";
    const char* const s17 = "HostSNIRegexp(`example.{tld:(com|org)}`)";
    const Case cases[] = {
        {"S1", "HostSNI(`example.com`)", "example.com", "", {}, true},
        {"S2", "HostSNI(`example.com`)", "EXAMPLE.com", "", {}, true},
        {"S2", "HostSNI(`EXAMPLE.com`)", "example.com", "", {}, true},
        {"S3", "HostSNI(`example.com`)", "example.org", "", {}, false},
        {"S4", "HostSNI(`example.com.`)", "example.com", "", {}, true},
        {"S5", "HostSNI(`*`)", "", "", {}, true},
        {"S6", "HostSNI(`*`)", "any.example", "", {}, true},
        {"S7", "HostSNI(`example.com`)", "", "", {}, false},
        {"S8", "!HostSNI(`example.com`)", "example.org", "", {}, true},
        {"S9", "!HostSNI(`example.com`)", "", "", {}, true},
        {"S10", "HostSNI(`*.example.com`)", "foo.example.com", "", {}, true},
        {"S11", "HostSNI(`*.example.com`)", "example.com", "", {}, false},
        {"S12", "HostSNI(`*.example.com`)", "a.b.example.com", "", {}, false},
        {"S13", "HostSNI(`foo_bar.example.com`)", "foo_bar.example.com", "", {}, true},
        {"S16", s16, "example.com", "", {}, true},
        {"S16", s16, "example.org", "", {}, true},
        {"S16", s16, "exampleuorg", "", {}, false},
        {"S16", s16, "EXAMPLE.com", "", {}, true},  // a name is compared in lower case
        {"S16", s16, "", "", {}, false},
        {"S17", s17, "example.com", "", {}, false},
        {"S17", s17, "example.org", "", {}, false},
        {"S17", s17, "", "", {}, false},
        {"S18", "HostSNIRegexp(`.*`)", "any.example", "", {}, true},
        {"S18", "HostSNIRegexp(`.*`)", "", "", {}, true},
        {"S19", "HostSNIRegexp(`ample`)", "example.com", "", {}, true},
        {"S23", "ClientIP(`20.20.20.20`)", "", "20.20.20.20", {}, true},
        {"S23", "ClientIP(`20.20.20.20`)", "", "10.10.10.10", {}, false},
        {"S24", "ClientIP(`20.20.20.20/24`)", "", "20.20.20.40", {}, true},
        {"S25", "ClientIP(`10::10`)", "", "10::10", {}, true},
        {"S26", "ClientIP(`11::/16`)", "", "11::7", {}, true},
        {"S26", "ClientIP(`11::/16`)", "", "10::7", {}, false},
        {"S27", "ClientIP(`10.0.0.1`)", "", "", {}, false},
        {"S28", "ALPN(`h2`)", "", "", {"h2"}, true},
        {"S28", "ALPN(`h2`)", "", "", {"mqtt"}, false},
        {"S28", "ALPN(`h2`)", "", "", {""}, false},
        {"S29", "HostSNI(`a.x`) && ClientIP(`10.0.0.1`)", "a.x", "10.0.0.2", {}, false},
        {"S30", "HostSNI(`a.x`) || ClientIP(`10.0.0.1`)", "b.x", "10.0.0.1", {}, true},
        {"S31", s31, "example.com", "10.10.10.2", {}, false},
        {"S31", s31, "example.org", "10.10.10.2", {}, true},
        {"S32", s32, "example.com", "10.10.10.3", {}, false},
        {"S32", s32, "example.com", "10.10.10.1", {}, true},
        {"S33", s33, "example.eu", "", {"h2c", "mqtt"}, true},
        {"S33", s33, "example.com", "", {"h2c", "http/1.1", "h2"}, false},
        {"S33", s33, "example.com", "", {"h2c", "http/1.1"}, true},
        {"S33", s33, "example.com", "", {"http/1.1", "mqtt"}, false},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row, c.rule, c.sni, c.client);
        CHECK(Rule::parse(c.rule).value().matches(facts(c.sni, c.client, c.alpn)) == c.expected);
    }
    // S6, S18: only HostSNI(`*`) is a catch-all, whatever else matches everything.
    CHECK(Rule::parse("HostSNI(`*`)").value().is_catch_all());
    CHECK_FALSE(Rule::parse("HostSNIRegexp(`.*`)").value().is_catch_all());
}

TEST_CASE("traefik matching: names that no rule can hold", "[traefik]") {
    // S14: raw bytes are no server name, so such a hello is refused before any rule is asked.
    CHECK(Rule::parse("HostSNI(`xn--9t9h.com`)").has_value());
    CHECK_FALSE(Hostname::parse("\U0001F9AD.com").has_value());
    // S15: Traefik accepts addresses. They are never sent as server names (RFC 6066 section 3).
    for (const char* rule : {"HostSNI(`127.0.0.1`)", "HostSNI(`10::10`)"})
        CHECK_FALSE(Rule::parse(rule).has_value());
}

TEST_CASE("traefik matching: which of two routers wins", "[traefik]") {
    const char* const same = "HostSNI(`a.com`)";
    // S34: the higher priority, whatever the order.
    CHECK(winner({ranked(same, 0, 10, "file", "a"), ranked(same, 1, 20, "file", "b")}, "a.com") ==
          1U);
    CHECK(winner({ranked(same, 0, 20, "docker", "z"), ranked(same, 1, 10, "file", "a")}, "a.com") ==
          0U);
    // S35: at equal priority the provider, here the file's first.
    CHECK(winner({ranked(same, 0, 10, "docker", "a"), ranked(same, 1, 10, "file", "z")}, "a.com") ==
          1U);
    // S36: at the same provider the router, by its name.
    CHECK(winner({ranked(same, 0, 10, "file", "b"), ranked(same, 1, 10, "file", "a")}, "a.com") ==
          1U);
    // S37: a priority does not make a rule match.
    CHECK(winner({ranked(same, 0, 10000, "file", "a"),
                  ranked("HostSNI(`a.org`)", 1, std::nullopt, "file", "b")},
                 "a.org") == 1U);
}

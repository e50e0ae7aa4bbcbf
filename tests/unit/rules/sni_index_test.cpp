#include "rules/sni_index.hpp"

#include "support/catch.hpp"
#include "support/facts.hpp"
#include "support/heap.hpp"

#include <chrono>

using mesh::Hostname;
using mesh::rules::Rank;
using mesh::rules::RankedRule;
using mesh::rules::Rule;
using mesh::rules::SniIndex;
using mesh::test::facts;
using mesh::test::Facts;

namespace {

RankedRule ranked(std::string_view text,
                  std::size_t payload,
                  std::optional<std::int64_t> priority = std::nullopt) {
    const Rule rule = *Rule::parse(text);
    return {rule, Rank(rule, priority, "file", "r" + std::to_string(payload)), payload};
}

SniIndex index_of(std::vector<std::string> texts) {
    std::vector<RankedRule> rules;
    for (const std::string& text : texts) rules.push_back(ranked(text, rules.size()));
    return SniIndex(std::move(rules));
}

/// The payload of what is found.
std::optional<std::size_t> found(const SniIndex& index, const mesh::rules::ConnectionFacts& facts) {
    const auto result = index.lookup(facts);
    return result ? std::optional(result->payload) : std::nullopt;
}

}  // namespace

TEST_CASE("sni index: an exact name wins over a shorter wildcard", "[sni_index]") {
    const SniIndex index = index_of({"HostSNI(`*.shop.example`)", "HostSNI(`www.shop.example`)"});

    CHECK(found(index, facts("www.shop.example")) == 1U);
    CHECK(found(index, facts("api.shop.example")) == 0U);
    CHECK(found(index, facts("shop.example")) == std::nullopt);
    CHECK(found(index, facts("")) == std::nullopt);
}

TEST_CASE("sni index: a hash hit is compared by rank with the rest", "[sni_index]") {
    const SniIndex index({ranked("HostSNI(`a.x`)", 0),
                          ranked("!HostSNI(`b.x`)", 1, 100),
                          ranked("HostSNI(`*.x`)", 2, 200),
                          ranked("HostSNI(`*`)", 3)});

    CHECK(found(index, facts("a.x")) == 2U);
    CHECK(found(index, facts("a.y")) == 1U);
    CHECK(found(index, facts("")) == 1U);
    CHECK(found(index, facts("b.x")) == 2U);
}

TEST_CASE("sni index: a higher priority does not make a rule match", "[sni_index]") {
    const SniIndex index({ranked("HostSNI(`a.com`)", 0, 10000), ranked("HostSNI(`a.org`)", 1)});

    CHECK(found(index, facts("a.org")) == 1U);
}

TEST_CASE("sni index: the catch-all takes what is left, clients without a name too",
          "[sni_index]") {
    const SniIndex index = index_of({"HostSNI(`*`)", "HostSNI(`a.x`)"});

    CHECK(found(index, facts("a.x")) == 1U);
    CHECK(found(index, facts("b.x")) == 0U);
    CHECK(found(index, facts("")) == 0U);
}

TEST_CASE("sni index: rules that can never match are no candidates", "[sni_index]") {
    const SniIndex index = index_of({"!HostSNI(`*`)", "HostSNI(`a.x`) && HostSNI(`b.x`)"});

    CHECK(found(index, facts("a.x")) == std::nullopt);
    CHECK(found(SniIndex(), facts("a.x")) == std::nullopt);
    CHECK(SniIndex().empty());
    CHECK(index_of({"!HostSNI(`*`)"}).empty());
}

TEST_CASE("sni index: survives being copied and moved", "[sni_index]") {
    SniIndex original = index_of({"HostSNI(`a.x`)", "HostSNI(`*.y`)"});
    const SniIndex copy = original;
    const SniIndex moved = std::move(original);
    original = SniIndex();

    CHECK(found(copy, facts("a.x")) == 0U);
    CHECK(found(moved, facts("b.y")) == 1U);
}

TEST_CASE("sni index: other matchers are asked in order of rank, behind and before names",
          "[sni_index]") {
    const SniIndex index({ranked("HostSNI(`a.x`)", 0),
                          ranked("HostSNIRegexp(`^[a-z]+\\.x$`)", 1),
                          ranked("HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)", 2),
                          ranked("ClientIP(`192.0.2.1`)", 3, 1000),
                          ranked("HostSNI(`*`)", 4)});

    CHECK(found(index, facts("a.x")) == 1U);  // the longer rule
    CHECK(found(index, facts("a.x", "10.0.0.1")) == 2U);
    CHECK(found(index, facts("a.x", "192.0.2.1")) == 3U);
    CHECK(found(index, facts("a.y", "10.0.0.1")) == 4U);
    CHECK(found(index, facts("", "192.0.2.1")) == 3U);
}

TEST_CASE("sni index: says which protocol an ALPN matched", "[sni_index]") {
    const SniIndex index({ranked("HostSNI(`a.x`) && (ALPN(`mqtt`) || ALPN(`h2`))", 0),
                          ranked("HostSNI(`b.x`) && !ALPN(`h2`)", 1),
                          ranked("HostSNI(`c.x`) || ALPN(`h2`)", 2)});
    const auto protocol = [&](std::string_view name, std::vector<std::string> alpn) {
        const auto offering = facts(name, "", std::move(alpn));
        const auto result = index.lookup(offering);
        return result ? std::string(result->protocol) : "no match";
    };

    CHECK(protocol("a.x", {"h2"}) == "h2");
    CHECK(protocol("a.x", {"h2", "mqtt"}) == "mqtt");  // the rule's order, not the client's
    CHECK(protocol("a.x", {"http/1.1"}) == "no match");
    CHECK(protocol("b.x", {"mqtt"}).empty());
    CHECK(protocol("c.x", {}).empty());
    CHECK(protocol("c.x", {"h2"}) == "h2");
    CHECK(protocol("d.x", {"h2"}) == "h2");
}

TEST_CASE("sni index: knows which names some client could be routed for", "[sni_index]") {
    const SniIndex index = index_of({"HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`)",
                                     "HostSNI(`*.b.x`) && !ALPN(`h2`)",
                                     "HostSNIRegexp(`^c[0-9]\\.x$`)",
                                     "HostSNI(`d.x`) && HostSNI(`e.x`)"});

    CHECK(index.may_route(*Hostname::parse("a.x")));
    CHECK(index.may_route(*Hostname::parse("a.b.x")));
    CHECK(index.may_route(*Hostname::parse("c4.x")));
    CHECK_FALSE(index.may_route(*Hostname::parse("b.x")));
    CHECK_FALSE(index.may_route(*Hostname::parse("c.x")));
    CHECK_FALSE(index.may_route(*Hostname::parse("d.x")));
}

TEST_CASE("sni index: a look-up allocates nothing", "[sni_index]") {
    const SniIndex index = index_of(
        {"HostSNI(`a-name-longer-than-short-strings.shop.example`)",
         "HostSNI(`*.another-rather-long-parent.example`)",
         "HostSNIRegexp(`^[a-z]+\\.some-pattern\\.example$`) && ALPN(`a-rather-long-protocol/1.0`)",
         "!HostSNI(`x.example`) && ClientIP(`10.0.0.0/8`)"});
    const Facts cases[] = {
        facts("a-name-longer-than-short-strings.shop.example"),
        facts("a.another-rather-long-parent.example"),
        facts("www.some-pattern.example", "::1", {"h2", "a-rather-long-protocol/1.0"}),
        facts("some-other-name-of-some-length.example", "10.0.0.1")};
    // A regular expression keeps what it has met; the second time it has met these.
    for (const Facts& known : cases) static_cast<void>(index.lookup(known));

    std::optional<std::size_t> answers[std::size(cases)];
    const std::size_t before = mesh::test::allocation_count();
    for (std::size_t i = 0; i < std::size(cases); ++i) answers[i] = found(index, cases[i]);
    const std::size_t after = mesh::test::allocation_count();

    CHECK(after == before);
    for (std::size_t i = 0; i < std::size(cases); ++i) CHECK(answers[i] == i);
}

TEST_CASE("sni index: 100,000 rules make a look-up no slower", "[sni_index]") {
    using Clock = std::chrono::steady_clock;
    const auto build = [](int count) {
        std::vector<RankedRule> rules;
        for (int i = 0; i < count; ++i)
            rules.push_back(ranked("HostSNI(`host" + std::to_string(i) + ".example`)",
                                   static_cast<std::size_t>(i)));
        return SniIndex(std::move(rules));
    };
    const SniIndex large = build(100'000);
    const Facts known = facts("host4242.example");
    const Facts unknown = facts("nobody.example");

    const auto begin = Clock::now();
    for (int i = 0; i < 10'000; ++i) {
        if (found(large, known) != 4242U) FAIL("wrong answer");
        if (found(large, unknown)) FAIL("wrong answer");
    }
    // A linear scan would take minutes; the bound only has to tell it from a hash.
    CHECK(Clock::now() - begin < std::chrono::seconds(30));
}

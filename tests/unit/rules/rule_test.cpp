#include "rules/rule.hpp"

#include "rules/parser.hpp"
#include "support/catch.hpp"
#include "support/facts.hpp"

using mesh::HostPattern;
using mesh::rules::Rule;
using mesh::test::facts;

namespace {

Rule rule(std::string_view text) {
    auto parsed = Rule::parse(text);
    if (!parsed) FAIL(render(parsed.error(), text));
    return *parsed;
}

std::vector<std::string> names(const Rule& rule) {
    std::vector<std::string> out;
    for (const HostPattern& name : rule.positive_names()) out.push_back(name.text());
    return out;
}

std::string nested(int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += '(';
    text += "HostSNI(`a.b`)";
    for (int i = 0; i < depth; ++i) text += ')';
    return text;
}

}  // namespace

TEST_CASE("rule: decides as documented", "[rule]") {
    struct Case {
        const char* rule;
        const char* sni;  // "" = none
        bool expected;
    };
    const Case cases[] = {
        {"HostSNI(`example.com`)", "example.com", true},
        {"HostSNI(`example.com`)", "EXAMPLE.com", true},
        {"HostSNI(`EXAMPLE.com`)", "example.com", true},
        {"HostSNI(`example.com`)", "example.org", false},
        {"HostSNI(`example.com.`)", "example.com", true},
        {"HostSNI(`example.com`)", "example.com.", true},
        {"HostSNI(`example.com`)", "", false},
        {"HostSNI(`*`)", "", true},
        {"HostSNI(`*`)", "any.example", true},
        {"!HostSNI(`*`)", "any.example", false},
        {"!HostSNI(`*`)", "", false},
        {"!HostSNI(`example.com`)", "example.org", true},
        {"!HostSNI(`example.com`)", "", true},
        {"!HostSNI(`example.com`)", "example.com", false},
        {"!!HostSNI(`example.com`)", "example.com", true},
        {"HostSNI(`*.example.com`)", "foo.example.com", true},
        {"HostSNI(`*.example.com`)", "FOO.example.com", true},
        {"HostSNI(`*.example.com`)", "example.com", false},
        {"HostSNI(`*.example.com`)", "a.b.example.com", false},
        {"HostSNI(`*.example.com`)", "", false},
        {"HostSNI(`*.com`)", "example.com", true},
        {"HostSNI(`localhost`)", "localhost", true},
        {"HostSNI(`foo_bar.example.com`)", "foo_bar.example.com", true},
        {"HostSNI(`xn--9t9h.com`)", "xn--9t9h.com", true},
        {"HostSNI(\"example.com\")", "example.com", true},
        {R"(HostSNI("e\x78ample\u002ecom"))", "example.com", true},
        {R"(HostSNI("\145xample.com"))", "example.com", true},
        {R"(HostSNI("example\U0000002ecom"))", "example.com", true},
        // && binds tighter than ||.
        {"HostSNI(`a.b`) || HostSNI(`c.d`) && HostSNI(`e.f`)", "a.b", true},
        {"HostSNI(`a.b`) || HostSNI(`c.d`) && HostSNI(`e.f`)", "c.d", false},
        {"(HostSNI(`a.b`) || HostSNI(`c.d`)) && HostSNI(`e.f`)", "a.b", false},
        {"HostSNI(`*.a.b`) && !HostSNI(`x.a.b`)", "y.a.b", true},
        {"HostSNI(`*.a.b`) && !HostSNI(`x.a.b`)", "x.a.b", false},
        // De Morgan.
        {"!(HostSNI(`a.b`) && HostSNI(`c.d`))", "a.b", true},
        {"!(HostSNI(`a.b`) || HostSNI(`c.d`))", "a.b", false},
        {"!(HostSNI(`a.b`) || HostSNI(`c.d`))", "e.f", true},
        {"!(HostSNI(`a.b`) || !HostSNI(`*.d`))", "c.d", true},
        {"!(HostSNI(`a.b`) || !HostSNI(`*.d`))", "e.f", false},
        // ! binds tighter than &&.
        {"!HostSNI(`a.b`) && HostSNI(`c.d`)", "c.d", true},
        {"!HostSNI(`a.b`) && HostSNI(`c.d`)", "e.f", false},
    };
    for (const Case& c : cases) {
        CAPTURE(c.rule, c.sni);
        CHECK(rule(c.rule).matches(facts(c.sni)) == c.expected);
    }
}

TEST_CASE("rule: a matcher may be spelled in any case", "[rule]") {
    for (const char* spelling : {"HostSNI", "hostsni", "HOSTSNI", "Hostsni", "hostSNI", "host"}) {
        CAPTURE(spelling);
        CHECK(rule(std::string(spelling) + "(`a.b`)").matches(facts("a.b")));
    }
    CHECK(rule("clientip(`10.0.0.0/8`)").matches(facts("", "10.1.2.3")));
    CHECK(rule("alpn(`h2`)").matches(facts("", "", {"h2"})));
    CHECK(rule("hostSniRegexp(`^a`)").matches(facts("a.b")));
}

TEST_CASE("rule: white space means nothing outside quotes", "[rule]") {
    const char* spaced[] = {
        "  HostSNI(`a.b`)||HostSNI(`c.d`)  ",
        "HostSNI(`a.b`)\n  || HostSNI(`c.d`)",
        "HostSNI(`a.b`) ||\r\n\tHostSNI(`c.d`)\n",
        "HostSNI (\n`a.b`\n) || HostSNI( `c.d` )",
        "\t( HostSNI(`a.b`)\r\n)\n||\n( HostSNI(`c.d`) )",
    };
    for (const char* text : spaced) {
        CAPTURE(text);
        CHECK(rule(text).matches(facts("a.b")));
        CHECK(rule(text).matches(facts("c.d")));
        CHECK_FALSE(rule(text).matches(facts("e.f")));
    }
}

TEST_CASE("rule: the text stays as written, for priorities and messages", "[rule]") {
    const std::string text = " HostSNI( `A.b` )\n";

    CHECK(rule(text).text() == text);
}

TEST_CASE("rule: positive names come in order, once, without negated ones", "[rule]") {
    using Names = std::vector<std::string>;

    CHECK(names(rule("HostSNI(`b.x`) || HostSNI(`a.x`) || HostSNI(`B.x.`)")) ==
          Names{"b.x", "a.x"});
    CHECK(names(rule("HostSNI(`*.x`) && !HostSNI(`a.x`)")) == Names{"*.x"});
    CHECK(names(rule("!(HostSNI(`a.x`) || !HostSNI(`b.x`))")) == Names{"b.x"});
    CHECK(names(rule("!!HostSNI(`a.x`)")) == Names{"a.x"});
    CHECK(names(rule("!(!(HostSNI(`a.x`)) && HostSNI(`b.x`))")) == Names{"a.x"});
    CHECK(names(rule("HostSNI(`*`)")).empty());
    CHECK(names(rule("HostSNI(`*`) || HostSNI(`a.x`)")) == Names{"a.x"});
    CHECK(names(rule("!HostSNI(`a.x`)")).empty());
    CHECK(names(rule("!HostSNI(`a.x`) || HostSNI(`a.x`)")) == Names{"a.x"});
}

TEST_CASE("rule: is a catch-all only as HostSNI(`*`) alone", "[rule]") {
    CHECK(rule("HostSNI(`*`)").is_catch_all());
    CHECK(rule(" ( HostSNI( \"*\" ) ) ").is_catch_all());
    CHECK(rule("!!HostSNI(`*`)").is_catch_all());
    CHECK_FALSE(rule("HostSNI(`*`) || HostSNI(`*`)").is_catch_all());
    CHECK_FALSE(rule("HostSNI(`*`) && HostSNI(`*`)").is_catch_all());
    CHECK_FALSE(rule("!HostSNI(`*`)").is_catch_all());
    CHECK_FALSE(rule("HostSNI(`*.a`)").is_catch_all());
}

TEST_CASE("rule: knows whether it names a host", "[rule]") {
    CHECK(rule("HostSNI(`a.b`)").names_a_host());
    CHECK(rule("HostSNI(`*`) || HostSNI(`a.b`)").names_a_host());
    CHECK(rule("!HostSNI(`*.b`)").names_a_host());
    CHECK_FALSE(rule("HostSNI(`*`)").names_a_host());
    CHECK_FALSE(rule("HostSNI(`*`) && !HostSNI(`*`)").names_a_host());
    CHECK(rule("HostSNI(`*`)").mentions_host_sni());
    CHECK(rule("HostSNIRegexp(`^a`)").names_a_host());
    CHECK(rule("HostSNIRegexp(`^a`)").mentions_host_sni());
    CHECK_FALSE(rule("ClientIP(`::1`) && !ALPN(`h2`)").names_a_host());
    CHECK_FALSE(rule("ClientIP(`::1`) && !ALPN(`h2`)").mentions_host_sni());
}

TEST_CASE("rule: knows the protocols it asks for", "[rule]") {
    using Protocols = std::vector<std::string>;
    const Rule both = rule("ALPN(`h2`) || HostSNI(`a.b`) && !ALPN(`mqtt`)");

    CHECK(both.asks_for_protocol());
    CHECK(both.positive_protocols() == Protocols{"h2"});
    CHECK(rule("!ALPN(`mqtt`)").asks_for_protocol());
    CHECK(rule("!ALPN(`mqtt`)").positive_protocols().empty());
    CHECK(rule("!(!ALPN(`mqtt`))").positive_protocols() == Protocols{"mqtt"});
    CHECK_FALSE(rule("HostSNI(`a.b`)").asks_for_protocol());
}

TEST_CASE("rule: a regular expression is bounded in text and in memory", "[rule]") {
    const auto refused = [](const std::string& pattern) {
        const auto parsed = Rule::parse("HostSNIRegexp(`" + pattern + "`)");
        return parsed ? std::string("accepted") : parsed.error().message;
    };

    CHECK(refused(std::string(1024, 'a')) == "accepted");
    CHECK(refused(std::string(1025, 'a')) == "the regular expression is longer than 1024 bytes");
    CHECK(refused("(?:" + std::string(1000, 'a') + "){1000}") ==
          "the regular expression is too large once compiled");
}

TEST_CASE("rule: a U-label in a rule is the A-label that clients send", "[rule]") {
    CHECK(rule("HostSNI(`b\u00fccher.example`)").matches(facts("xn--bcher-kva.example")));
    CHECK(rule("HostSNI(`B\u00dcCHER.example.`)").matches(facts("xn--bcher-kva.example")));
    CHECK(rule("HostSNI(`*.b\u00fccher.example`)").matches(facts("a.xn--bcher-kva.example")));
    CHECK(names(rule("HostSNI(`b\u00fccher.x`) || HostSNI(`xn--bcher-kva.x`)")) ==
          std::vector<std::string>{"xn--bcher-kva.x"});
}

TEST_CASE("rule: specificity puts the narrower rule first", "[rule]") {
    const char* from_narrow_to_wide[] = {
        "HostSNI(`a.x`) && HostSNI(`*.x`)",
        "HostSNI(`a.x`)",
        "HostSNI(`*.x`) && !HostSNI(`a.x`) && !HostSNI(`b.x`)",
        "HostSNI(`*.x`) && !HostSNI(`a.x`)",
        "HostSNI(`*.x`) || HostSNI(`a.y`)",
        "HostSNIRegexp(`^a`) && ClientIP(`10.0.0.0/8`)",
        "HostSNIRegexp(`^a`) || HostSNI(`a.y`)",
        "ClientIP(`10.0.0.0/8`) && ALPN(`h2`)",
        "!HostSNI(`a.x`)",
        "HostSNI(`*`)",
    };
    for (std::size_t i = 1; i < std::size(from_narrow_to_wide); ++i) {
        CAPTURE(from_narrow_to_wide[i - 1], from_narrow_to_wide[i]);
        CHECK(rule(from_narrow_to_wide[i - 1]).specificity() >
              rule(from_narrow_to_wide[i]).specificity());
    }
}

TEST_CASE("rule: specificity stays within its class however many conditions there are", "[rule]") {
    std::string many = "HostSNI(`*.x`)";
    for (int i = 0; i < 300; ++i) many += " && !HostSNI(`n" + std::to_string(i) + ".x`)";

    CHECK(rule(many).specificity() < rule("HostSNI(`a.x`)").specificity());
}

TEST_CASE("rule: nesting is bounded", "[rule]") {
    using mesh::rules::rule_depth_max;

    CHECK(Rule::parse(nested(rule_depth_max)).has_value());
    const auto deeper = Rule::parse(nested(rule_depth_max + 1));
    REQUIRE(deeper.has_error());
    CHECK(deeper.error().message == "the rule is nested more than 64 levels deep");
    CHECK_FALSE(Rule::parse(std::string(5000, '!') + "HostSNI(`a.b`)").has_value());
    CHECK_FALSE(Rule::parse(std::string(60000, '(')).has_value());
}

TEST_CASE("rule: length is bounded, and a rule of a thousand names works", "[rule]") {
    std::string text = "HostSNI(`h0.example`)";
    for (int i = 1; i < 1500; ++i) text += " || HostSNI(`h" + std::to_string(i) + ".example`)";

    CHECK(rule(text).matches(facts("h1499.example")));
    CHECK(rule(text).positive_names().size() == 1500);

    text.append(mesh::rules::rule_size_max - text.size(), ' ');
    CHECK(Rule::parse(text).has_value());
    text += ' ';
    const auto longer = Rule::parse(text);
    REQUIRE(longer.has_error());
    CHECK(longer.error().message == "the rule is longer than 65536 bytes");
}

TEST_CASE("rule: copies share the parsed form", "[rule]") {
    const Rule original = rule("HostSNI(`a.b`)");
    const Rule copy = original;  // NOLINT(performance-unnecessary-copy-initialization)

    CHECK(&copy.expression() == &original.expression());
    CHECK(copy == original);
}

// Traefik's cases of domain derivation, D1 to D78 of tests/traefik/README.md.
#include "rules/rule.hpp"
#include "support/catch.hpp"
#include "wanted_build.hpp"

using namespace mesh::model;
using namespace mesh::model::test;
using mesh::HostPattern;

TEST_CASE("traefik domains: the names of a rule", "[traefik]") {
    struct Case {
        const char* row;
        const char* rule;
        std::vector<Names> orders;
    };
    const Case cases[] = {
        {"D1", "HostSNI(`example.com`)", {{"example.com"}}},
        {"D2", "HOSTSNI(`example.com`)", {{"example.com"}}},
        {"D2", "hostsni(`example.com`)", {{"example.com"}}},
        {"D3", "HostSNI(`Example.COM`)", {{"example.com"}}},
        {"D5", "ClientIP(`10.0.0.1`)", {}},
        {"D6", "HostSNI(`a.x`) && ClientIP(`10.0.0.1`)", {{"a.x"}}},
        {"D7", "HostSNI(`a.x`) || HostSNI(`b.x`)", {{"a.x", "b.x"}}},
        {"D8", "HostSNI(`b.x`) || HostSNI(`a.x`)", {{"b.x", "a.x"}}},
        {"D9", "HostSNI(`a.x`) || HostSNI(`a.x`)", {{"a.x"}}},
        {"D10", "!HostSNI(`a.x`)", {}},
        {"D11", "HostSNI(`*`)", {}},
        {"D13", "HostSNIRegexp(`^[a-z]+\\.x$`)", {}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row, c.rule);
        const WantedSet wanted = Build().router("r", c.rule).wanted();

        CHECK(orders(wanted) == c.orders);
        // Whoever gets nothing is told so.
        CHECK(wanted.not_ordered.size() == (c.orders.empty() ? 1U : 0U));
    }
}

TEST_CASE("traefik domains: which entries of domains make an order", "[traefik]") {
    struct Case {
        const char* row;
        std::vector<Names> domains;
        std::vector<Names> orders;  // by name; Traefik orders what a set lacks, mesh whole sets
    };
    const Case cases[] = {
        {"D20",
         {{"acme.wtf", "traefik.acme.wtf", "foo.bar"},
          {"*.foo.acme.wtf"},
          {"acme02.wtf", "traefik.acme.wtf", "bar.foo"}},
         {{"*.foo.acme.wtf"},
          {"acme.wtf", "traefik.acme.wtf", "foo.bar"},
          {"acme02.wtf", "traefik.acme.wtf", "bar.foo"}}},
        {"D21", {{"acme.wtf"}, {"*.acme.wtf", "acme.wtf"}}, {{"*.acme.wtf", "acme.wtf"}}},
        {"D22", {{"acme.wtf", "foo.bar"}, {"acme.wtf", "foo.bar"}}, {{"acme.wtf", "foo.bar"}}},
        {"D23",
         {{"acme.wtf", "traefik.acme.wtf"}, {"acme.wtf", "traefik.acme.wtf", "foo.bar"}},
         {{"acme.wtf", "traefik.acme.wtf", "foo.bar"}}},
        {"D24",
         {{"who.acme.wtf", "traefik.acme.wtf", "bar.acme.wtf"}, {"*.acme.wtf"}},
         {{"*.acme.wtf"}}},
        {"D25", {{"*.acme.wtf", "acme.wtf"}, {"*.acme.wtf"}}, {{"*.acme.wtf", "acme.wtf"}}},
        {"D26",
         {{"traefik.acme.wtf", "acme.wtf", "foo.bar"},
          {"*.acme.wtf"},
          {"who.acme.wtf", "traefik.acme.wtf", "bar.acme.wtf"}},
         {{"*.acme.wtf"}, {"traefik.acme.wtf", "acme.wtf", "foo.bar"}}},
        {"D27", {{"a.acme.wtf"}, {"acme.wtf", "*.acme.wtf"}}, {{"acme.wtf", "*.acme.wtf"}}},
        {"D28", {{"ACME.wtf"}, {"acme.wtf"}}, {{"acme.wtf"}}},
        {"D40", {{"*.traefik.wtf"}}, {{"*.traefik.wtf"}}},
        {"D43", {{"*.traefik.wtf", "traefik.wtf"}}, {{"*.traefik.wtf", "traefik.wtf"}}},
        {"D43", {{"*.traefik.wtf", "*.acme.wtf"}}, {{"*.traefik.wtf", "*.acme.wtf"}}},
        {"D44", {{"Example.org."}}, {{"example.org"}}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row);
        // D29: the rule's own names do not count.
        CHECK(orders(Build().router("r", "HostSNI(`other.x`)", c.domains).wanted()) == c.orders);
    }
}

TEST_CASE("traefik domains: what is there already", "[traefik]") {
    struct Case {
        const char* row;
        std::vector<Names> domains;  // those in flight first
        std::vector<Names> files;
        std::vector<Names> orders;
    };
    const Names both{"traefik.wtf", "foo.traefik.wtf"};
    const Names four{"traefik.wtf", "bar.traefik.wtf", "foo.traefik.wtf", "acme.wtf"};
    const Case cases[] = {
        {"D50", {{"*.traefik.wtf"}}, {}, {{"*.traefik.wtf"}}},
        {"D51", {{"*.traefik.wtf"}}, {{"*.traefik.wtf"}}, {}},
        {"D52", {both}, {{"traefik.wtf"}}, {both}},
        {"D53", {{"who.traefik.wtf", "foo.traefik.wtf"}}, {{"*.traefik.wtf"}}, {}},
        {"D54", {both}, {{"*.traefik.wtf"}}, {both}},
        {"D55", {both, both}, {}, {both}},
        {"D56", {{"traefik.wtf"}, both}, {}, {both}},
        {"D57",
         {{"*.traefik.wtf"}, {"bar.traefik.wtf", "foo.traefik.wtf"}},
         {},
         {{"*.traefik.wtf"}}},
        {"D88", {{"who.acme.wtf"}}, {{"*.acme.wtf"}}, {}},
        {"D58", {{"*.traefik.wtf"}, {"traefik.wtf"}, four}, {}, {{"*.traefik.wtf"}, four}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row);
        CHECK(orders(Build().router("r", "HostSNI(`*`)", c.domains).wanted(c.files)) == c.orders);
    }
}

TEST_CASE("traefik domains: which certificate covers which name", "[traefik]") {
    struct Case {
        const char* row;
        const char* name;
        const char* certificate;
        bool covers;
    };
    const Case cases[] = {
        {"D70", "traefik.wtf", "traefik.wtf", true},
        {"D71", "traefik.wtf", "*.traefik.wtf", false},
        {"D72", "sub.traefik.wtf", "*.traefik.wtf", true},
        {"D73", "sub.sub.traefik.wtf", "*.traefik.wtf", false},
        {"D76", "sub.sub.traefik.wtf", "*.sub.traefik.wtf", true},
    };
    for (const Case& c : cases) {
        CAPTURE(c.row, c.name, c.certificate);
        CHECK(pattern(c.certificate).covers(pattern(c.name)) == c.covers);
    }
    // D74, D75, D77, D78: these are names of no certificate, so they cover nothing.
    for (const char* none : {"*.*.traefik.wtf", "sub.*.traefik.wtf", "*", "?", "...."})
        CHECK_FALSE(HostPattern::parse(none).has_value());
}

#include "base/hostname.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <unordered_set>

using mesh::Hostname;
using mesh::HostPattern;

namespace {

Hostname host(std::string_view text) {
    return *Hostname::parse(text);
}
HostPattern pattern(std::string_view text) {
    return *HostPattern::parse(text);
}

std::string of_size(std::size_t size) {
    std::string name;
    while (name.size() < size)
        name += std::string(std::min<std::size_t>(63, size - name.size()), 'a') + '.';
    name.resize(size);
    if (name.back() == '.') name.back() = 'a';
    return name;
}

}  // namespace

TEST_CASE("hostname: has one canonical spelling", "[hostname]") {
    const std::pair<std::string, std::string> cases[] = {
        {"shop.example", "shop.example"},
        {"SHOP.Example", "shop.example"},
        {"shop.example.", "shop.example"},
        {"localhost", "localhost"},
        {"a", "a"},
        {"_acme-challenge.shop.example", "_acme-challenge.shop.example"},
        {"foo_bar.example", "foo_bar.example"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example"},
        {"1.example", "1.example"},
        {"10.0.0.1.example", "10.0.0.1.example"},
        {"a--b.example", "a--b.example"},
        {std::string(63, 'x') + ".example", std::string(63, 'x') + ".example"},
        {of_size(253), of_size(253)},
        {of_size(253) + ".", of_size(253)},
    };
    for (const auto& [text, canonical] : cases) {
        CAPTURE(text);
        const auto parsed = Hostname::parse(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->text() == canonical);
        CHECK(host(parsed->text()) == *parsed);
    }
}

TEST_CASE("hostname: what clients may not send and operators may not write", "[hostname]") {
    const std::string refused[] = {
        "",
        ".",
        "..",
        ".example",
        "shop..example",
        "shop.example..",
        std::string("shop\0.example", 13),
        std::string("shop.example\0", 13),
        std::string("\0", 1),
        "b\xC3\xBC"
        "cher.example",
        "shop.example\xFF",
        "127.0.0.1",
        "127.0.0.1.",
        "1",
        "0",
        "10.1",
        "shop.123",
        "::1",
        "[::1]",
        "fe80::1%eth0",
        "shop.example:443",
        "a.example,b.example",
        "a.example b.example",
        " shop.example",
        "shop.example ",
        "shop.example\n",
        "shop.example\r\n",
        "*.example",
        "*",
        "-shop.example",
        "shop-.example",
        "shop.-example",
        "-",
        "shop~.example",
        "shop!.example",
        "shop$.example",
        "shop&.example",
        "shop'.example",
        "shop(.example",
        "shop).example",
        "shop+.example",
        "shop;.example",
        "shop=.example",
        "shop%2e.example",
        "shop/.example",
        "shop\\.example",
        "shop@.example",
        std::string(64, 'x') + ".example",
        of_size(254),
        of_size(254) + ".",
        std::string(100'000, 'a'),
    };
    for (const std::string& text : refused) {
        CAPTURE(text);
        const auto parsed = Hostname::parse(text);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code == mesh::Errc::invalid);
        CHECK(parsed.error().message.size() < 200);
        for (const char c : parsed.error().message) CHECK((c >= 0x20 && c < 0x7F));
    }
}

TEST_CASE("hostname: only the 64 bytes of names are accepted", "[hostname]") {
    int accepted = 0;
    for (int byte = 0; byte < 256; ++byte)
        if (Hostname::parse(std::string("a") + static_cast<char>(byte) + "a")) ++accepted;

    CHECK(accepted == 26 + 26 + 10 + 3);  // letters, digits, '-', '_', and the dot between labels
}

TEST_CASE("hostname: knows its parent", "[hostname]") {
    CHECK(host("www.shop.example").parent() == "shop.example");
    CHECK(host("example").parent().empty());
}

TEST_CASE("hostname: can be a key", "[hostname]") {
    const std::unordered_set<Hostname> names{
        host("a.example"), host("A.example."), host("b.example")};

    CHECK(names.size() == 2);
    CHECK(host("a.example") < host("b.example"));
}

TEST_CASE("host pattern: a wildcard stands for exactly one label", "[hostname]") {
    struct Case {
        const char* pattern;
        const char* host;
        bool expected;
    };
    const Case cases[] = {
        {"*.example.com", "foo.example.com", true},
        {"*.EXAMPLE.com", "FOO.example.COM", true},
        {"*.example.com", "example.com", false},
        {"*.example.com", "a.b.example.com", false},
        {"*.example.com", "fooexample.com", false},
        {"*.com", "example.com", true},
        {"*.com", "com", false},
        {"example.com", "example.com", true},
        {"example.com", "foo.example.com", false},
    };
    for (const Case& c : cases) {
        CAPTURE(c.pattern, c.host);
        CHECK(pattern(c.pattern).matches(host(c.host)) == c.expected);
    }
}

TEST_CASE("host pattern: a star anywhere else is refused", "[hostname]") {
    for (const char* text : {"*",
                             "**.x",
                             "*.*.x",
                             "foo.*.x",
                             "*foo.x",
                             "foo*.x",
                             "*.",
                             "*..x",
                             ".*.x",
                             "x.*",
                             "*.1.2.3.4",
                             "*.-x"}) {
        CAPTURE(text);
        CHECK(HostPattern::parse(text).has_error());
    }
}

TEST_CASE("host pattern: covers what it matches", "[hostname]") {
    CHECK(pattern("*.x.y").covers(pattern("a.x.y")));
    CHECK(pattern("*.x.y").covers(pattern("*.x.y")));
    CHECK(pattern("a.x.y").covers(pattern("a.x.y")));
    CHECK_FALSE(pattern("*.x.y").covers(pattern("x.y")));
    CHECK_FALSE(pattern("*.x.y").covers(pattern("*.a.x.y")));
    CHECK_FALSE(pattern("a.x.y").covers(pattern("*.x.y")));
    CHECK_FALSE(pattern("*.y").covers(pattern("*.x.y")));
}

TEST_CASE("host pattern: reads back as it is written", "[hostname]") {
    CHECK(pattern("*.Shop.example.").text() == "*.shop.example");
    CHECK(pattern("Shop.example").text() == "shop.example");
    CHECK(pattern("*.shop.example").is_wildcard());
    CHECK(pattern("*.shop.example").name() == host("shop.example"));
    CHECK(pattern("*.shop.example") != pattern("shop.example"));
    CHECK(HostPattern(host("a.b")) == pattern("a.b"));
}

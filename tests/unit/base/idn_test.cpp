#include "base/idn.hpp"

#include "support/catch.hpp"

using mesh::to_a_labels;

TEST_CASE("idn: international labels become A-labels, ASCII stays as it is", "[idn]") {
    struct Case {
        const char* written;
        const char* expected;
    };
    const Case cases[] = {
        {"shop.example", "shop.example"},
        {"Shop.EXAMPLE.", "Shop.EXAMPLE."},
        {"b\u00fccher.example", "xn--bcher-kva.example"},
        {"B\u00dcCHER.example", "xn--bcher-kva.example"},
        // The same letter as two characters, u and a combining diaeresis.
        {"bu\u0308cher.example", "xn--bcher-kva.example"},
        {"*.b\u00fccher.example", "*.xn--bcher-kva.example"},
        {"_sip.b\u00fccher.example", "_sip.xn--bcher-kva.example"},
        {"stra\u00dfe.example", "xn--strae-oqa.example"},
        {"\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", "xn--e1afmkfd.xn--p1ai"},
        {"xn--bcher-kva.b\u00fccher", "xn--bcher-kva.xn--bcher-kva"},
        {"a\u3002b\u00fccher", "a.xn--bcher-kva"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.written);
        const auto converted = to_a_labels(c.written);
        REQUIRE(converted.has_value());
        CHECK(*converted == c.expected);
    }
}

TEST_CASE("idn: what no registry knows is an error", "[idn]") {
    const std::string nul("b\u00fc\0cher", 7);
    for (const std::string& written : {std::string("\xff\xfe.example"),
                                       std::string("-\u00fc.example"),
                                       std::string("ab--\u00fc.example"),
                                       std::string("\u00fc\u200d.example"),
                                       std::string(70, 'x') + "\u00fc.example",
                                       std::string(2000, 'x') + "\u00fc",
                                       nul}) {
        CAPTURE(written);
        CHECK_FALSE(to_a_labels(written).has_value());
    }
}

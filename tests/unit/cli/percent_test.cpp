#include "cli/percent.hpp"

#include "support/catch.hpp"

using namespace mesh::cli;

TEST_CASE("percent: parts of a whole") {
    CHECK(parse_percent("0%").value() == 0.0);
    CHECK(parse_percent("20%").value() == 0.2);
    CHECK(parse_percent("100%").value() == 1.0);
    CHECK(parse_percent("12.5%").value() == 0.125);
}

TEST_CASE("percent: nothing else counts as one") {
    for (const char* text :
         {"",    "%",   "20",  "-1%",    "+1%", "101%", "100.001%", "1e1%",  "0x10%",   " 5%",
          "5 %", "5.%", ".5%", "1.2.3%", "5%%", "nan%", "inf%",     "1000%", "1.0001%", "20%x"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_percent(text).has_value());
    }
}

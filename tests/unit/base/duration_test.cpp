#include "base/duration.hpp"

#include "support/catch.hpp"

using mesh::parse_duration;
using std::chrono::milliseconds;

TEST_CASE("duration: what operators write", "[duration]") {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"10s", 10'000},
        {"1h30m", 5'400'000},
        {"250ms", 250},
        {"10", 10'000},
        {"0", 0},
        {"0s", 0},
        {"1.5", 1'500},
        {"1.5h", 5'400'000},
        {".5s", 500},
        {"1.001s", 1'001},
        {"0.29s", 290},
        {"2d4h", 187'200'000},
        {"1d2h3m4s5ms", 93'784'005},
        {"3660d", 316'224'000'000},
    };
    for (const auto& [text, expected] : cases) {
        CAPTURE(text);
        const auto parsed = parse_duration(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->count() == expected);
    }
}

TEST_CASE("duration: what is none is refused with an example", "[duration]") {
    const char* refused[] = {
        "",       " ",           "s",        "-1s",    "-1",      "+1s",  "1x",
        "10 s",   "1s ",         " 1s",      "1h30",   "30 m",    "1e3s", "1,5s",
        "inf",    "nan",         "infs",     "nans",   "1S",      "5us",  "5ns",
        "0x10s",  "1h-5m",       "3661d",    "0.4ms",  "0.0001s", "1w",   "99999999999999999999d",
        "1.2.3s", "ten seconds", "infinity", "nan(1)",
    };
    for (const char* text : refused) {
        CAPTURE(text);
        const auto parsed = parse_duration(text);
        REQUIRE(parsed.has_error());
        CHECK_THAT(parsed.error().message, ContainsSubstring("write it like 10s, 1h30m or 250ms"));
    }
    CHECK(parse_duration(std::string(100'000, '9')).error().message.size() < 120);
}

TEST_CASE("duration: is described in at most two units", "[duration]") {
    const std::pair<std::int64_t, const char*> cases[] = {
        {0, "0s"},
        {1, "1ms"},
        {999, "999ms"},
        {1'000, "1s"},
        {1'500, "1s500ms"},
        {59'000, "59s"},
        {60'000, "1m"},
        {61'234, "1m1s"},
        {600'000, "10m"},
        {3'601'000, "1h"},
        {187'200'000, "2d4h"},
        {187'260'000, "2d4h"},
        {-3'000, "-3s"},
    };
    for (const auto& [count, text] : cases) CHECK(mesh::describe(milliseconds{count}) == text);
}

TEST_CASE("duration: a description of one or two units reads back as the same", "[duration]") {
    for (const std::int64_t count : {1, 750, 1'500, 90'000, 5'400'000, 187'200'000})
        CHECK(parse_duration(mesh::describe(milliseconds{count}))->count() == count);
}

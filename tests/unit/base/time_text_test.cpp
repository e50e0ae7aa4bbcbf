#include "base/time_text.hpp"

#include "support/catch.hpp"

#include <clocale>

using mesh::parse_http_date;
using mesh::parse_rfc3339;
using mesh::WallTime;
using std::chrono::milliseconds;

namespace {

WallTime at(std::int64_t ms) {
    return WallTime{milliseconds{ms}};
}

}  // namespace

TEST_CASE("time text: writes RFC 3339 in UTC", "[time_text]") {
    CHECK(mesh::rfc3339(at(0)) == "1970-01-01T00:00:00Z");
    CHECK(mesh::rfc3339(at(784'111'777'000)) == "1994-11-06T08:49:37Z");
    CHECK(mesh::rfc3339(at(951'782'400'000)) == "2000-02-29T00:00:00Z");
    CHECK(mesh::rfc3339(at(253'402'300'799'999)) == "9999-12-31T23:59:59Z");
    CHECK(mesh::rfc3339(at(-1)) == "1969-12-31T23:59:59Z");
    CHECK(mesh::rfc3339_ms(at(784'111'777'008)) == "1994-11-06T08:49:37.008Z");
    CHECK(mesh::rfc3339_ms(at(-1)) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("time text: reads every form CAs send", "[time_text]") {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"1994-11-06T08:49:37Z", 784'111'777'000},
        {"1994-11-06t08:49:37z", 784'111'777'000},
        {"1994-11-06 08:49:37Z", 784'111'777'000},
        {"1994-11-06T08:49:37.5Z", 784'111'777'500},
        {"1994-11-06T08:49:37.123456789Z", 784'111'777'123},
        {"1994-11-06T08:49:37+00:00", 784'111'777'000},
        {"1994-11-06T08:49:37-00:00", 784'111'777'000},
        {"1994-11-06T10:19:37+01:30", 784'111'777'000},
        {"1994-11-06T00:49:37.25-08:00", 784'111'777'250},
        {"1994-11-07T00:00:00+23:59", 784'080'060'000},
        {"2000-02-29T00:00:00Z", 951'782'400'000},
        {"2016-12-31T23:59:60Z", 1'483'228'800'000},
        {"9999-12-31T23:59:59Z", 253'402'300'799'000},
    };
    for (const auto& [text, expected] : cases) {
        CAPTURE(text);
        const auto parsed = parse_rfc3339(text);
        REQUIRE(parsed.has_value());
        CHECK(parsed->time_since_epoch().count() == expected);
    }
}

TEST_CASE("time text: refuses dates that do not exist and other forms", "[time_text]") {
    const std::string valid = "1994-11-06T08:49:37.5+01:00";
    for (std::size_t length = 0; length < valid.size(); ++length)
        CHECK(parse_rfc3339(valid.substr(0, length)).has_error());
    for (const char* text : {"",
                             "1994-11-06T08:49:37",
                             "1994-11-06T08:49:37.Z",
                             "1994-11-06T08:49:37ZZ",
                             "1994-13-06T08:49:37Z",
                             "1994-00-06T08:49:37Z",
                             "1994-11-31T08:49:37Z",
                             "1994-11-00T08:49:37Z",
                             "2001-02-29T00:00:00Z",
                             "1900-02-29T00:00:00Z",
                             "1994-11-06T24:49:37Z",
                             "1994-11-06T08:60:37Z",
                             "1994-11-06T08:49:61Z",
                             "1994-11-06T08:49:37+24:00",
                             "1994-11-06T08:49:37+0100",
                             "1994-11-06T08:49:37+01",
                             "1994-11-06X08:49:37Z",
                             "+994-11-06T08:49:37Z",
                             "1994-11-06T-8:49:37Z",
                             " 1994-11-06T08:49:37Z",
                             "1994-11-06T08:49:37Z ",
                             "784111777",
                             "Sun, 06 Nov 1994 08:49:37 GMT"}) {
        CAPTURE(text);
        CHECK(parse_rfc3339(text).has_error());
    }
    CHECK(parse_rfc3339(std::string(100'000, '9')).error().message.size() < 100);
}

TEST_CASE("time text: what it writes it reads", "[time_text]") {
    for (std::int64_t day = -400; day < 40'000; day += 37) {
        const WallTime time = at(day * 86'400'000 + 12'345'678);
        CHECK(*parse_rfc3339(mesh::rfc3339_ms(time)) == time);
    }
}

TEST_CASE("time text: reads HTTP dates in any locale", "[time_text]") {
    CHECK(*parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == at(784'111'777'000));
    CHECK(*parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT") == at(0));
    CHECK(*parse_http_date("Tue, 29 Feb 2000 00:00:00 GMT") == at(951'782'400'000));

    // A host in Germany calls December "Dez"; HTTP does not.
    std::setlocale(LC_ALL, "de_DE.UTF-8");
    CHECK(parse_http_date("Fri, 31 Dec 1999 23:59:59 GMT").has_value());
    std::setlocale(LC_ALL, "C");
}

TEST_CASE("time text: refuses other HTTP dates", "[time_text]") {
    for (const char* text : {"",
                             "Sun, 06 Nov 1994 08:49:37",
                             "Sun, 06 Nov 1994 08:49:37 UTC",
                             "Sunday, 06-Nov-94 08:49:37 GMT",
                             "Sun Nov  6 08:49:37 1994",
                             "Sun, 31 Nov 1994 08:49:37 GMT",
                             "Sun, 06 nov 1994 08:49:37 GMT",
                             "Sun, 06 anF 1994 08:49:37 GMT",
                             "Sun,  6 Nov 1994 08:49:37 GMT",
                             "Sun, 06 Nov 1994 24:49:37 GMT",
                             "Sun, 06 Nov 1994 08:49:37 GMT ",
                             "120"}) {
        CAPTURE(text);
        CHECK(parse_http_date(text).has_error());
    }
}

// Fields of answers: Retry-After, Link, URLs.
#include "acme/link.hpp"
#include "acme/retry_after.hpp"
#include "fake_http.hpp"
#include "http/url.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("retry-after: seconds and dates, kept within 1 s and 24 h") {
    const WallTime now = test::noon();
    struct Case {
        std::string value;
        std::optional<milliseconds> delay;
        bool odd;
    };
    const std::vector<Case> cases{
        {"", std::nullopt, false},
        {"120", seconds{120}, false},
        {" 120 ", seconds{120}, false},
        {"0", seconds{1}, false},
        {"1", seconds{1}, false},
        {"86400", hours{24}, false},
        {"86401", hours{24}, true},
        {"315360000", hours{24}, true},
        {"99999999999999999999999", hours{24}, true},
        {"-1", seconds{1}, true},
        {"-99999999999999999999999", seconds{1}, true},
        {"soon", std::nullopt, true},
        {"12x", std::nullopt, true},
        {"1.5", std::nullopt, true},
        {"Sun, 01 Mar 2026 12:00:30 GMT", seconds{30}, false},
        {"Sun, 01 Mar 2026 11:00:00 GMT", seconds{1}, true},
        {"Fri, 01 Jan 2036 00:00:00 GMT", hours{24}, true},
    };
    for (const Case& one : cases) {
        CAPTURE(one.value);
        const RetryAfter read = read_retry_after(one.value, std::nullopt, now);
        CHECK(read.odd == one.odd);
        CHECK(read.at.has_value() == one.delay.has_value());
        if (read.at && one.delay) CHECK(*read.at - now == *one.delay);
    }
}

TEST_CASE("retry-after: a date counts from the date of the answer") {
    const WallTime now = test::noon();
    const RetryAfter read = read_retry_after("Sun, 01 Mar 2026 15:00:30 GMT", now + hours{3}, now);
    CHECK(read.at == now + seconds{30});
    CHECK_FALSE(read.odd);
}

std::vector<std::string> alternates(const std::vector<std::string>& fields) {
    http::Response response;
    for (const std::string& field : fields) response.headers.emplace_back("link", field);
    return links(response, "alternate", "https://ca.example/cert/1");
}

TEST_CASE("link: finds what has the relation") {
    using Urls = std::vector<std::string>;
    CHECK(alternates({}) == Urls{});
    CHECK(alternates({"<https://a.example/x>;rel=\"alternate\""}) == Urls{"https://a.example/x"});
    CHECK(alternates({"<x>; title=\"a, b; c\"; REL=\"up Alternate\"", "</y>;rel=alternate"}) ==
          Urls{"https://ca.example/cert/x", "https://ca.example/y"});
    CHECK(alternates({"<x>;rel=index, <y>;rel=alternate , <z>;rel=\"next\""}) ==
          Urls{"https://ca.example/cert/y"});
    CHECK(alternates({"<x>;rel=alternate,<x>;rel=alternate"}) == Urls{"https://ca.example/cert/x"});
    CHECK(alternates({"<http://a.example/x>;rel=alternate"}) == Urls{});
}

TEST_CASE("link: rubbish is skipped without harm") {
    for (const std::string field : {"",
                                    "<",
                                    ">",
                                    "<>",
                                    "<x",
                                    "x>;rel=alternate",
                                    "<x>;;;;",
                                    "<x>;rel",
                                    "<x>;rel=\"",
                                    "<x>;rel=\"alternate\\",
                                    "<<<<;rel=alternate",
                                    ",,,,"}) {
        CAPTURE(field);
        CHECK(alternates({field}).empty());
    }
    std::vector<std::string> many;
    for (int i = 0; i < 100; ++i) many.push_back("<" + std::to_string(i) + ">;rel=alternate");
    CHECK(alternates(many).size() == 16);
}

TEST_CASE("urls: made absolute, https only") {
    const std::string base = "https://ca.example:14000/a/dir";
    CHECK(http::resolve_url(base, "order/1").value() == "https://ca.example:14000/a/order/1");
    CHECK(http::resolve_url(base, "/order/1").value() == "https://ca.example:14000/order/1");
    CHECK(http::resolve_url(base, "https://b.example/x?y=1").value() == "https://b.example/x?y=1");
    CHECK(http::resolve_url(base, "//b.example/x").value() == "https://b.example/x");
    for (const std::string bad : {"", "http://ca.example/", "ftp://ca.example/", "a b", "a\nb"}) {
        CAPTURE(bad);
        CHECK(http::resolve_url(base, bad).has_error());
    }
    CHECK(http::resolve_url(base, std::string("/a\0b", 4)).has_error());
    CHECK(http::resolve_url(base, std::string(5000, 'a')).has_error());
    CHECK(http::authority_of("https://ca.example/dir") == "ca.example:443");
    CHECK(http::authority_of("https://user:secret@ca.example:14000/dir") == "ca.example:14000");
    CHECK(http::authority_of("nonsense://").empty());
}

}  // namespace
}  // namespace mesh::acme

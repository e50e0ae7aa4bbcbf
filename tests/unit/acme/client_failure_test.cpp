// The client against a CA that is away, broken, in a hurry or of another opinion.
#include "fake_ca.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

using test::answer;
using test::Bench;
using test::ca;
using test::FakeCa;
using test::order_json;
using test::problem;

http::Response page(int status, const std::string& body) {
    http::Response response;
    response.status = status;
    response.body = body;
    return response;
}

Failure directory_failure(const Result<http::Response>& instead) {
    Bench bench;
    bench.ca.instead_of_directory = instead;
    const auto outcome = bench.ask<Directory>([&](auto done) { bench.client->directory(done); });
    REQUIRE_FALSE(outcome.has_value());
    return outcome.error();
}

Failure order_failure(const Result<http::Response>& instead) {
    Bench bench;
    bench.ca.on_post = [&](const FakeCa::Post&) { return instead; };
    const auto outcome = bench.fetch_order();
    REQUIRE_FALSE(outcome.has_value());
    return outcome.error();
}

Failure new_order_failure(const Result<http::Response>& instead) {
    Bench bench;
    bench.ca.on_post = [&](const FakeCa::Post&) { return instead; };
    const auto outcome = bench.new_order();
    REQUIRE_FALSE(outcome.has_value());
    return outcome.error();
}

TEST_CASE("acme failure: a CA that cannot be reached") {
    const Failure failed = directory_failure(
        Error{Errc::io, Origin::upstream, "cannot connect to ca.example:443: Connection refused"});
    CHECK(failed.kind == FailureClass::unreachable);
    CHECK_FALSE(failed.problem);
    CHECK(failed.message == "directory: cannot connect to ca.example:443: Connection refused");
}

TEST_CASE("acme failure: a CA file that cannot be read keeps from the CA, not from an order") {
    const Failure failed =
        directory_failure(Error{Errc::invalid, Origin::config, "cannot use CA file x"});
    CHECK(failed.kind == FailureClass::unreachable);
    CHECK(failed.message == "directory: cannot use CA file x");
}

TEST_CASE("acme failure: something else answers in the CA's place") {
    SECTION("a web page") {
        const Failure failed = directory_failure(page(200, "<html>\n<h1>It works!</h1>"));
        CHECK(failed.kind == FailureClass::unreachable);
        CHECK(failed.message ==
              "directory: ca.example:443 answered 200, but that is not an ACME directory: not "
              "JSON (<html> <h1>It works!</h1>)");
    }
    SECTION("JSON of another kind") {
        const Failure failed = directory_failure(answer(200, {{"hello", "world"}}));
        CHECK(failed.kind == FailureClass::unreachable);
        CHECK_THAT(failed.message, ContainsSubstring("not an ACME directory: no usable newNonce"));
    }
    SECTION("an ACME v1 directory, with plain http") {
        CHECK(directory_failure(answer(200,
                                       {{"newNonce", "http://ca.example/n"},
                                        {"newAccount", ca + "/a"},
                                        {"newOrder", ca + "/o"}}))
                  .kind == FailureClass::unreachable);
    }
    SECTION("half an answer") {
        CHECK(directory_failure(page(200, "{\"newNonce\": \"https://ca.ex")).kind ==
              FailureClass::unreachable);
    }
    SECTION("nothing under this path") {
        CHECK(directory_failure(page(404, "not found")).kind == FailureClass::unreachable);
    }
    SECTION("a redirect") {
        http::Response redirect = page(301, "");
        redirect.headers = {{"Location", "https://new.example/dir"}};
        const Failure failed = directory_failure(redirect);
        CHECK(failed.kind == FailureClass::unreachable);
        CHECK(failed.message ==
              "directory: ca.example:443 answered 301, a redirect to https://new.example/dir");
    }
    SECTION("a page where an order was expected") {
        CHECK(order_failure(page(200, "<html>")).kind == FailureClass::unreachable);
        CHECK(order_failure(page(403, "<html>blocked")).kind == FailureClass::unreachable);
    }
}

TEST_CASE("acme failure: an overloaded CA says when to come back") {
    http::Response busy = page(503, "");
    busy.headers = {{"Retry-After", "120"}};
    const Failure from_directory = directory_failure(busy);
    CHECK(from_directory.kind == FailureClass::unreachable);
    CHECK(from_directory.retry_at == test::noon() + std::chrono::seconds{120});

    const Failure from_order = order_failure(busy);
    CHECK(from_order.kind == FailureClass::unreachable);
    CHECK(from_order.retry_at == test::noon() + std::chrono::seconds{120});
    CHECK(from_order.message == "order: ca.example:443 answered 503 without saying why");
}

TEST_CASE("acme failure: rate limits carry the CA's words, time and link") {
    const Failure failed =
        new_order_failure(problem(429,
                                  "rateLimited",
                                  "too many certificates for shop.example",
                                  {{"Retry-After", "Sun, 01 Mar 2026 13:00:00 GMT"},
                                   {"Link", "<https://ca.example/limits>;rel=\"help\""}}));
    CHECK(failed.kind == FailureClass::rate_limited);
    CHECK(failed.retry_at == test::noon() + std::chrono::hours{1});
    CHECK(failed.message ==
          "newOrder: ca.example:443 answered 429 rateLimited: too many certificates for "
          "shop.example (see https://ca.example/limits)");
    REQUIRE(failed.problem);
    CHECK(failed.problem->name() == "rateLimited");
    CHECK(failed.problem->status == 429);
    CHECK_THAT(failed.problem->raw, ContainsSubstring("too many certificates"));
}

TEST_CASE("acme failure: new terms are named with their link") {
    const Failure failed =
        new_order_failure(problem(403,
                                  "userActionRequired",
                                  "terms have changed",
                                  {{"Link", "</terms/2>;rel=\"terms-of-service\""}}));
    CHECK(failed.kind == FailureClass::account_stopped);
    CHECK_THAT(failed.message, ContainsSubstring("(see https://ca.example/terms/2)"));
}

TEST_CASE("acme failure: bad names are told one by one") {
    http::Response response =
        answer(403,
               {{"type", "urn:ietf:params:acme:error:rejectedIdentifier"},
                {"detail", "2 names refused"},
                {"subproblems",
                 {{{"type", "urn:ietf:params:acme:error:rejectedIdentifier"},
                   {"detail", "policy"},
                   {"identifier", {{"type", "dns"}, {"value", "www.shop.example"}}}},
                  {{"type", "urn:ietf:params:acme:error:dns"}, {"detail", "NXDOMAIN"}},
                  17}}});
    const Failure failed = new_order_failure(response);
    CHECK(failed.kind == FailureClass::name);
    REQUIRE(failed.problem);
    REQUIRE(failed.problem->subproblems.size() == 2);
    CHECK(failed.problem->subproblems[0].identifier == "www.shop.example");
    CHECK(failed.problem->text() ==
          "rejectedIdentifier: 2 names refused; www.shop.example: rejectedIdentifier: policy; "
          "dns: NXDOMAIN");
}

TEST_CASE("acme failure: an account the CA does not know, or has shut") {
    CHECK(new_order_failure(problem(400, "accountDoesNotExist", "unknown")).kind ==
          FailureClass::account_gone);
    CHECK(new_order_failure(problem(403, "unauthorized", "deactivated")).kind ==
          FailureClass::account_stopped);

    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(200, {{"status", "deactivated"}}, {{"Location", ca + "/account/7"}});
    };
    const auto account = bench.new_account();
    REQUIRE_FALSE(account.has_value());
    CHECK(account.error().kind == FailureClass::account_stopped);
}

TEST_CASE("acme failure: an order the CA does not know") {
    CHECK(order_failure(problem(404, "malformed", "No order for ID 1")).kind ==
          FailureClass::order_gone);
    CHECK(order_failure(page(410, "")).kind == FailureClass::order_gone);
    CHECK(order_failure(problem(403, "unauthorized", "not your order")).kind ==
          FailureClass::order_gone);
}

TEST_CASE("acme failure: answers that break RFC 8555") {
    SECTION("no Location of the order") {
        const Failure failed = new_order_failure(answer(201, order_json("pending")));
        CHECK(failed.kind == FailureClass::protocol);
        CHECK(failed.message == "newOrder: ca.example:443 gave no usable Location of the order");
    }
    SECTION("a Location that leads to plain http") {
        CHECK(new_order_failure(
                  answer(201, order_json("pending"), {{"Location", "http://ca.example/order/1"}}))
                  .kind == FailureClass::protocol);
    }
    SECTION("an order without status") {
        const Failure failed = order_failure(answer(200, {{"finalize", ca + "/f"}}));
        CHECK(failed.kind == FailureClass::protocol);
        CHECK(failed.message == "order: ca.example:443 answered 200: no usable status");
    }
    SECTION("an order that cannot be finalized") {
        CHECK(new_order_failure(answer(201,
                                       {{"status", "pending"}, {"authorizations", {ca + "/a"}}},
                                       {{"Location", ca + "/order/1"}}))
                  .kind == FailureClass::protocol);
    }
    SECTION("an authorization at a strange place") {
        CHECK(order_failure(
                  answer(200, {{"status", "pending"}, {"authorizations", {"ftp://ca.example/a"}}}))
                  .kind == FailureClass::protocol);
    }
}

TEST_CASE("acme failure: a Location on another host is fine over https") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(201, order_json("pending"), {{"Location", "https://orders.ca.example/1"}});
    };
    CHECK(bench.new_order()->url == "https://orders.ca.example/1");
}

TEST_CASE("acme failure: what the directory tells in advance is not asked") {
    Bench bench;
    bench.ca.directory["meta"] = {{"externalAccountRequired", true},
                                  {"profiles", {{"classic", ""}}}};
    const auto account = bench.new_account();
    REQUIRE_FALSE(account.has_value());
    CHECK(account.error().kind == FailureClass::config);
    CHECK_THAT(account.error().message, ContainsSubstring("external account binding"));

    const auto order = bench.new_order("shortlived");
    REQUIRE_FALSE(order.has_value());
    CHECK(order.error().kind == FailureClass::config);
    CHECK(order.error().message ==
          "newOrder: ca.example:443 has no certificate profile 'shortlived' (profiles offered: "
          "classic)");
    CHECK(bench.ca.posts.empty());
}

TEST_CASE("acme failure: a download that is no certificate") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) { return page(200, "please wait"); };
    const auto chain = bench.ask<DownloadedChain>(
        [&](auto done) { bench.client->download(bench.account, ca + "/cert/1", done); });
    REQUIRE_FALSE(chain.has_value());
    CHECK(chain.error().kind == FailureClass::unreachable);
    CHECK(chain.error().message ==
          "certificate: ca.example:443 answered 200: no PEM certificate (please wait)");
}

TEST_CASE("acme failure: a challenge whose token is not one") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(
            200,
            {{"identifier", {{"type", "dns"}, {"value", "shop.example"}}},
             {"status", "pending"},
             {"challenges", {{{"type", "tls-alpn-01"}, {"url", ca + "/c"}, {"token", "a.b/c"}}}}});
    };
    const auto outcome = bench.ask<AuthorizationResource>([&](auto done) {
        bench.client->fetch_authorization(bench.account, ca + "/authz/1", done);
    });
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().kind == FailureClass::protocol);
}

}  // namespace
}  // namespace mesh::acme

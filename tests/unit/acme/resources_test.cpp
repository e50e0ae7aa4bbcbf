// JSON from the network: tolerant of what is unknown, strict about what matters, bounded.
#include "acme/resources.hpp"

#include "support/catch.hpp"

namespace mesh::acme {
namespace {

const std::string base_url = "https://ca.example/x/1";

TEST_CASE("resources: what is no JSON object is told apart from what lacks a member") {
    for (const std::string text : {"", "null", "[]", "\"a\"", "{", "{\"status\":}", "<html>"}) {
        CAPTURE(text);
        CHECK(read_order(text, base_url).error().code == Errc::invalid);
        CHECK(read_authorization(text, base_url).error().code == Errc::invalid);
        CHECK(read_directory(text, base_url).error().code == Errc::invalid);
    }
    CHECK(read_order("{}", base_url).error().code == Errc::not_found);
    CHECK(read_order("{\"status\":7}", base_url).error().code == Errc::not_found);
    CHECK(read_directory("{}", base_url).error().code == Errc::not_found);
    CHECK(read_authorization("{\"status\":\"pending\"}", base_url).error().code == Errc::not_found);
}

TEST_CASE("resources: depth and size are bounded") {
    const auto nested = [](int levels) {
        std::string text = "{\"status\":\"pending\",\"x\":";
        for (int i = 1; i < levels; ++i) text += "[";
        for (int i = 1; i < levels; ++i) text += "]";
        return text + "}";
    };
    CHECK(read_order("{\"status\":\"pending\",\"x\":1}", base_url).has_value());
    CHECK(read_order(nested(32).replace(nested(32).find("]"), 0, "1"), base_url).has_value());
    CHECK(read_order(nested(33).replace(nested(33).find("]"), 0, "1"), base_url).error().message ==
          "JSON nested deeper than 32 levels");
    CHECK(read_order(std::string(1'000'000, '['), base_url).has_error());
    // Brackets in strings are only text.
    CHECK(read_order("{\"status\":\"pending\",\"x\":\"" + std::string(100, '[') + "\\\"[\"}",
                     base_url)
              .has_value());
    const std::string large =
        "{\"status\":\"pending\",\"x\":\"" + std::string(1 << 20, 'x') + "\"}";
    CHECK(read_order(large, base_url).error().message == "more than 1 MiB of JSON");
}

TEST_CASE("resources: every order status, and those to come") {
    const auto status = [](const std::string& word) {
        return read_order("{\"status\":\"" + word + "\"}", base_url)->status;
    };
    CHECK(status("pending") == OrderStatus::pending);
    CHECK(status("ready") == OrderStatus::ready);
    CHECK(status("processing") == OrderStatus::processing);
    CHECK(status("valid") == OrderStatus::valid);
    CHECK(status("invalid") == OrderStatus::invalid);
    CHECK(status("on_hold") == OrderStatus::unknown);
}

TEST_CASE("resources: members of the wrong type count as absent") {
    const auto order = read_order(
        R"({"status":"valid","expires":17,"authorizations":{},"finalize":[],"certificate":null,
            "error":"x"})",
        base_url);
    REQUIRE(order.has_value());
    CHECK_FALSE(order->expires);
    CHECK(order->authorizations.empty());
    CHECK(order->finalize.empty());
    CHECK_FALSE(order->error);
}

TEST_CASE("resources: an order's own error is kept whole") {
    const auto order = read_order(
        R"({"status":"invalid","error":{"type":"urn:ietf:params:acme:error:caa","detail":"CAA
 forbids","status":403}})",
        base_url);
    CHECK(order.has_error());  // a raw line break inside a string is not JSON
    const auto mended = read_order(
        R"({"status":"invalid","error":{"type":"urn:ietf:params:acme:error:caa","detail":"CAA
forbids"}})",
        base_url);
    CHECK(mended.has_error());
    const auto good = read_order(
        R"({"status":"invalid","error":{"type":"urn:ietf:params:acme:error:caa","detail":"no",)"
        R"("status":403}})",
        base_url);
    REQUIRE(good.has_value());
    REQUIRE(good->error);
    CHECK(good->error->text() == "caa: no");
    CHECK(good->error->status == 403);
}

TEST_CASE("resources: a failed authorization shows the CA's reason") {
    const auto authorization = read_authorization(
        R"({"status":"invalid","identifier":{"type":"dns","value":"shop.example"},"challenges":[
            {"type":"tls-alpn-01","status":"invalid","url":"/c","token":"t","error":{
             "type":"urn:ietf:params:acme:error:connection","detail":"Timeout"}},
            {"type":"http-01","status":"pending","url":"/d","token":"t"}]})",
        base_url);
    REQUIRE(authorization.has_value());
    CHECK(authorization->status == AuthorizationStatus::invalid);
    CHECK(authorization->challenge_status == ChallengeStatus::invalid);
    REQUIRE(authorization->error);
    CHECK(authorization->error->text() == "connection: Timeout");
}

TEST_CASE("resources: a wildcard authorization without our challenge") {
    const auto authorization = read_authorization(
        R"({"status":"pending","wildcard":true,"identifier":{"value":"shop.example"},
            "challenges":[{"type":"dns-01","url":"/c","token":"t"}]})",
        base_url);
    REQUIRE(authorization.has_value());
    CHECK(authorization->wildcard);
    CHECK_FALSE(authorization->challenge_url);
    CHECK(authorization->offered_types == std::vector<std::string>{"dns-01"});
}

TEST_CASE("problems: kept whole, within bounds") {
    const std::string body = "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"" +
                             std::string(10'000, 'd') + "\",\"subproblems\":[" +
                             [] {
                                 std::string many = "{}";
                                 for (int i = 0; i < 300; ++i) many += ",{\"detail\":\"x\"}";
                                 return many;
                             }() +
                             "]}";
    const Problem problem = read_problem(400, body);
    CHECK(problem.name() == "dns");
    CHECK(problem.detail.size() == 4096);
    CHECK(problem.subproblems.size() == 100);
    CHECK(problem.raw.size() == 4096);
    CHECK(problem.status == 400);
}

TEST_CASE("problems: what is none has no type and still its text") {
    const Problem problem = read_problem(502, "<html>Bad Gateway</html>");
    CHECK(problem.type.empty());
    CHECK(problem.name().empty());
    CHECK(problem.raw == "<html>Bad Gateway</html>");
    CHECK(problem.text() == "HTTP status 502 without a reason");
    CHECK(read_problem(400, R"({"type":5,"detail":"d","status":"x"})").text() == "d");
}

TEST_CASE("payloads: bytes that are not UTF-8 cannot break the JSON") {
    CHECK_FALSE(account_payload("a\xff@example.com").empty());
}

}  // namespace
}  // namespace mesh::acme

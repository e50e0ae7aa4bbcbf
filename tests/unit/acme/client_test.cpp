// The client against a CA that behaves: what it sends, what it reads.
#include "base/base64url.hpp"
#include "fake_ca.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

using test::answer;
using test::Bench;
using test::ca;
using test::FakeCa;
using test::order_json;

TEST_CASE("acme client: asks nobody before the first call") {
    Bench bench;
    bench.executor.run_all();
    CHECK(bench.http.sent().empty());
    CHECK(bench.client->terms_of_service().empty());
    CHECK_FALSE(bench.client->clock_offset());
}

TEST_CASE("acme client: reads the directory, whatever else is in it") {
    Bench bench;
    bench.ca.directory["renewalInfo"] = "/relative/ari";
    bench.ca.directory["meta"] = {{"termsOfService", "https://ca.example/terms"},
                                  {"externalAccountRequired", true},
                                  {"profiles", {{"classic", "90 days"}, {"short", "6 days"}}},
                                  {"caaIdentities", {"ca.example"}}};
    const auto directory = bench.ask<Directory>([&](auto done) { bench.client->directory(done); });

    REQUIRE(directory.has_value());
    CHECK(directory->new_order == ca + "/new-order");
    CHECK(directory->renewal_info == ca + "/relative/ari");
    CHECK(directory->external_account_required);
    CHECK(directory->profiles == std::vector<std::string>{"classic", "short"});
    CHECK(bench.client->terms_of_service() == "https://ca.example/terms");
    CHECK(bench.http.sent().size() == 1);
}

TEST_CASE("acme client: the directory is kept for a day or until it is forgotten") {
    Bench bench;
    const auto fetch = [&] {
        CHECK(bench.ask<Directory>([&](auto done) { bench.client->directory(done); }).has_value());
        return bench.http.count("/dir");
    };
    CHECK(fetch() == 1);
    bench.clock.advance(std::chrono::hours{23});
    CHECK(fetch() == 1);
    bench.clock.advance(std::chrono::hours{2});
    CHECK(fetch() == 2);
    bench.client->forget();
    CHECK(fetch() == 3);
}

TEST_CASE("acme client: newAccount signs with the key itself and agrees to the terms") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post& post) {
        CHECK(post.header.at("jwk").at("kty") == "EC");
        CHECK(post.header.at("jwk").size() == 4);
        CHECK(post.json().at("termsOfServiceAgreed") == true);
        return answer(201, {{"status", "valid"}}, {{"Location", "/account/7"}});
    };
    const auto account = bench.new_account("admin@example.com");

    REQUIRE(account.has_value());
    CHECK(account->url == ca + "/account/7");
    CHECK(account->status == "valid");
    CHECK(bench.ca.posts.at(0).json().at("contact").at(0) == "mailto:admin@example.com");
    CHECK(bench.ca.complaints == std::vector<std::string>{});

    CHECK(bench.new_account("").has_value());
    CHECK_FALSE(bench.ca.posts.at(1).json().contains("contact"));
}

TEST_CASE("acme client: newOrder names what is wanted, in order, and reads the order") {
    Bench bench;
    bench.ca.directory["meta"] = {{"profiles", {{"short", "6 days"}}}};
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(201, order_json("pending"), {{"Location", ca + "/order/1"}});
    };
    const auto order = bench.new_order("short");

    REQUIRE(order.has_value());
    CHECK(order->url == ca + "/order/1");
    CHECK(order->status == OrderStatus::pending);
    CHECK(order->authorizations == std::vector<std::string>{ca + "/authz/1"});
    CHECK(order->finalize == ca + "/finalize/1");
    CHECK(order->expires == test::noon() + std::chrono::hours{7 * 24});
    const auto sent = bench.ca.posts.at(0).json();
    CHECK(sent.at("identifiers").at(0) ==
          nlohmann::json{{"type", "dns"}, {"value", "shop.example"}});
    CHECK(sent.at("identifiers").at(1).at("value") == "www.shop.example");
    CHECK(sent.at("profile") == "short");
    CHECK(bench.ca.posts.at(0).header.at("kid") == ca + "/account/7");
    CHECK(bench.ca.complaints == std::vector<std::string>{});
}

TEST_CASE("acme client: resources are read with POST-as-GET") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post& post) {
        CHECK(post.payload.empty());
        return answer(200, order_json("processing"), {{"Retry-After", "3"}});
    };
    const auto order = bench.fetch_order();

    REQUIRE(order.has_value());
    CHECK(order->url == ca + "/order/1");
    CHECK(order->status == OrderStatus::processing);
    CHECK(order->retry_at == test::noon() + std::chrono::seconds{3});
    CHECK(bench.ca.complaints == std::vector<std::string>{});
}

TEST_CASE("acme client: an authorization yields its tls-alpn-01 challenge") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(
            200,
            {{"identifier", {{"type", "dns"}, {"value", "shop.example"}}},
             {"status", "pending"},
             {"challenges",
              {{{"type", "dns-persist-01"}, {"status", "pending"}, {"whatever", 1}},
               {{"type", "http-01"}, {"url", "https://ca.example/c/1"}, {"token", "other"}},
               {{"type", "tls-alpn-01"}, {"url", "/c/2"}, {"status", "pending"}, {"token", "tok"}},
               "not even an object"}}});
    };
    const auto authorization = bench.ask<AuthorizationResource>([&](auto done) {
        bench.client->fetch_authorization(bench.account, ca + "/authz/1", done);
    });

    REQUIRE(authorization.has_value());
    CHECK(authorization->identifier == "shop.example");
    CHECK(authorization->challenge_url == ca + "/c/2");
    CHECK(authorization->token == "tok");
    CHECK(authorization->offered_types ==
          std::vector<std::string>{"dns-persist-01", "http-01", "tls-alpn-01"});
}

TEST_CASE("acme client: responding sends the empty object") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post& post) {
        CHECK(post.payload == "{}");
        return answer(200, {{"type", "tls-alpn-01"}, {"status", "processing"}});
    };
    CHECK(bench
              .ask<std::optional<WallTime>>(
                  [&](auto done) { bench.client->respond(bench.account, ca + "/c/2", done); })
              .has_value());
}

TEST_CASE("acme client: responding again after a crash is fine where the CA objects") {
    Bench bench;
    std::string status = "valid";
    bench.ca.on_post = [&](const FakeCa::Post& post) -> Result<http::Response> {
        if (!post.payload.empty()) {
            return test::problem(400, "malformed", "authorization is not pending");
        }
        return answer(200, {{"type", "tls-alpn-01"}, {"status", status}});
    };
    const auto respond = [&] {
        return bench.ask<std::optional<WallTime>>(
            [&](auto done) { bench.client->respond(bench.account, ca + "/c/2", done); });
    };
    CHECK(respond().has_value());
    status = "processing";
    CHECK(respond().has_value());
    status = "pending";  // then the objection was about something else
    const auto refused = respond();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == FailureClass::protocol);
    CHECK_THAT(refused.error().message, ContainsSubstring("authorization is not pending"));
}

TEST_CASE("acme client: finalize carries the CSR; accepted is never `ready` again") {
    Bench bench;
    std::string status = "processing";
    bench.ca.on_post = [&](const FakeCa::Post& post) {
        CHECK(post.json() == nlohmann::json{{"csr", "AQID_w"}});
        return answer(200, order_json(status));
    };
    const auto finalize = [&] {
        return bench.ask<OrderResource>([&](auto done) {
            bench.client->finalize(bench.account, ca + "/finalize/1", Bytes{1, 2, 3, 255}, done);
        });
    };
    CHECK(finalize()->status == OrderStatus::processing);
    status = "ready";
    CHECK(finalize()->status == OrderStatus::processing);
    status = "valid";
    CHECK(finalize()->status == OrderStatus::valid);
}

TEST_CASE("acme client: a download brings the chain and the alternates") {
    Bench bench;
    const std::string pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    bench.ca.on_post = [&](const FakeCa::Post& post) {
        CHECK(post.accept == "application/pem-certificate-chain");
        http::Response response;
        response.status = 200;
        response.body = pem;
        response.headers = {{"Link", "<https://ca.example/dir>;rel=\"index\""},
                            {"Link", "</cert/1/1>;rel=\"alternate\", </cert/1/2>; rel=alternate"}};
        return response;
    };
    const auto chain = bench.ask<DownloadedChain>(
        [&](auto done) { bench.client->download(bench.account, ca + "/cert/1", done); });
    REQUIRE(chain.has_value());
    CHECK(chain->pem == pem);
    CHECK(chain->alternates == std::vector<std::string>{ca + "/cert/1/1", ca + "/cert/1/2"});
}

TEST_CASE("acme client: knows how far the CA's clock is from ours") {
    Bench bench;
    bench.ca.date = "Sun, 01 Mar 2026 12:10:00 GMT";
    bench.ca.on_post = [](const FakeCa::Post&) { return answer(200, order_json("pending")); };
    CHECK(bench.fetch_order().has_value());
    CHECK(bench.client->clock_offset() == std::chrono::minutes{10});
}

TEST_CASE("acme client: a Retry-After date is read by the CA's clock") {
    Bench bench;
    bench.ca.date = "Sun, 01 Mar 2026 15:00:00 GMT";
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(
            200, order_json("pending"), {{"Retry-After", "Sun, 01 Mar 2026 15:01:00 GMT"}});
    };
    CHECK(bench.fetch_order()->retry_at == test::noon() + std::chrono::minutes{1});
}

TEST_CASE("acme client: a Retry-After that makes no sense is told once") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) {
        return answer(200, order_json("pending"), {{"Retry-After", "soon"}});
    };
    CHECK_FALSE(bench.fetch_order()->retry_at);
    CHECK_FALSE(bench.fetch_order()->retry_at);
    CHECK(bench.log.count("ca_odd_retry_after") == 1);
}

TEST_CASE("acme client: the trust and time limit of the settings go with every request") {
    ClientSettings settings;
    settings.trust = {false, {"/etc/mesh/ca.pem"}};
    settings.request_timeout = std::chrono::seconds{7};
    Bench bench(settings);
    bench.ca.on_post = [](const FakeCa::Post&) { return answer(200, order_json("pending")); };
    CHECK(bench.fetch_order().has_value());
    REQUIRE(bench.http.sent().size() == 3);
    for (const http::Request& request : bench.http.sent()) {
        CAPTURE(request.url);
        CHECK(request.trust == settings.trust);
        CHECK(request.timeout == std::chrono::seconds{7});
        CHECK(request.https_only);
        CHECK(request.body_size_max == 1 << 20);
    }
}

TEST_CASE("acme client: nothing secret is logged, at any level") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) { return test::problem(403, "unauthorized", "no"); };
    static_cast<void>(bench.fetch_order());
    CHECK(bench.log.count("acme_request") == 3);
    CHECK_THAT(bench.log.text, !ContainsSubstring("nonce1"));
    for (const http::Request& request : bench.http.sent()) {
        if (!request.body.empty()) CHECK_THAT(bench.log.text, !ContainsSubstring(request.body));
    }
    const auto authorization = key_authorization("token", bench.key).value();
    CHECK_THAT(bench.log.text, !ContainsSubstring(authorization));
}

}  // namespace
}  // namespace mesh::acme

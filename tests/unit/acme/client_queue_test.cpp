// Nonces, repetition, the bound on requests in flight, and the end of a client.
#include "fake_ca.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

using test::answer;
using test::Bench;
using test::ca;
using test::FakeCa;
using test::order_json;

std::optional<Result<http::Response>> pending_order(const FakeCa::Post&) {
    return answer(200, order_json("pending"));
}

TEST_CASE("nonces: one is fetched, then each answer brings the next") {
    Bench bench;
    bench.ca.on_post = pending_order;
    for (int i = 0; i < 5; ++i) CHECK(bench.fetch_order().has_value());
    CHECK(bench.http.count("/new-nonce") == 1);
    CHECK(bench.ca.complaints == std::vector<std::string>{});
}

TEST_CASE("nonces: without Replay-Nonce in the answer a new one is fetched") {
    Bench bench;
    bench.ca.on_post = pending_order;
    bench.ca.nonces_in_answers = false;
    for (int i = 0; i < 3; ++i) CHECK(bench.fetch_order().has_value());
    CHECK(bench.http.count("/new-nonce") == 3);
    CHECK(bench.ca.complaints == std::vector<std::string>{});
}

TEST_CASE("nonces: old ones are not tried") {
    Bench bench;
    bench.ca.on_post = pending_order;
    CHECK(bench.fetch_order().has_value());
    bench.clock.advance(std::chrono::minutes{6});
    CHECK(bench.fetch_order().has_value());
    CHECK(bench.http.count("/new-nonce") == 2);
}

TEST_CASE("nonces: after a failed connection none that was given before is used") {
    Bench bench;
    bench.ca.on_post = pending_order;
    CHECK(bench.fetch_order().has_value());
    bench.ca.on_post = [](const FakeCa::Post&) -> Result<http::Response> {
        return Error{Errc::io, Origin::upstream, "cut"};
    };
    CHECK_FALSE(bench.fetch_order().has_value());
    bench.ca.on_post = pending_order;
    CHECK(bench.fetch_order().has_value());
    CHECK(bench.http.count("/new-nonce") == 2);
    CHECK(bench.ca.complaints == std::vector<std::string>{});
}

TEST_CASE("nonces: badNonce is repeated at once with the nonce of the refusal") {
    Bench bench;
    bench.ca.on_post = pending_order;
    bench.ca.refuse_nonces = 10;
    CHECK(bench.fetch_order().has_value());
    CHECK(bench.ca.posts.size() == 11);
    CHECK(bench.http.count("/new-nonce") == 1);
    CHECK(bench.ca.complaints == std::vector<std::string>{});
}

TEST_CASE("nonces: badNonce without a new nonce fetches one") {
    Bench bench;
    bench.ca.on_post = pending_order;
    bench.ca.refuse_nonces = 2;
    bench.ca.nonces_in_answers = false;
    CHECK(bench.fetch_order().has_value());
    CHECK(bench.http.count("/new-nonce") == 3);
}

TEST_CASE("nonces: a CA that refuses eleven in a row is not well") {
    Bench bench;
    bench.ca.on_post = pending_order;
    bench.ca.refuse_nonces = 11;
    const auto order = bench.fetch_order();
    REQUIRE_FALSE(order.has_value());
    CHECK(order.error().kind == FailureClass::unreachable);
    CHECK(bench.ca.posts.size() == 11);
    CHECK_THAT(order.error().message, ContainsSubstring("badNonce"));
}

TEST_CASE("nonces: newNonce that brings none, or an error") {
    Bench bench;
    bench.ca.on_post = pending_order;
    http::Response empty;
    empty.status = 200;
    bench.ca.instead_of_nonce = empty;
    const auto without = bench.fetch_order();
    REQUIRE_FALSE(without.has_value());
    CHECK(without.error().kind == FailureClass::unreachable);
    CHECK(without.error().message == "newNonce: ca.example:443 answered without a usable nonce");

    bench.ca.instead_of_nonce = Error{Errc::timeout, Origin::upstream, "too slow"};
    CHECK(bench.fetch_order().error().kind == FailureClass::unreachable);
    CHECK(bench.ca.posts.empty());
}

TEST_CASE("queue: one directory request serves all who wait for it") {
    Bench bench;
    bench.ca.on_post = pending_order;
    int answered = 0;
    for (int i = 0; i < 5; ++i) {
        bench.client->fetch_order(
            bench.account, ca + "/order/1", [&](Outcome<OrderResource> order) {
                if (order) ++answered;
            });
    }
    bench.executor.run_all();
    CHECK(answered == 5);
    CHECK(bench.http.count("/dir") == 1);
}

TEST_CASE("queue: when the directory cannot be had, all who wait for it are told") {
    Bench bench;
    bench.ca.instead_of_directory = Error{Errc::io, Origin::upstream, "refused"};
    int failed = 0;
    for (int i = 0; i < 20; ++i) {
        bench.client->fetch_order(
            bench.account, ca + "/order/1", [&](Outcome<OrderResource> order) {
                if (!order && order.error().kind == FailureClass::unreachable) ++failed;
            });
    }
    bench.executor.run_all();
    CHECK(failed == 20);
    bench.ca.instead_of_directory.reset();
    bench.ca.on_post = pending_order;
    CHECK(bench.fetch_order().has_value());
}

TEST_CASE("queue: at most in_flight_max requests at once, in the order asked") {
    ClientSettings settings;
    settings.in_flight_max = 2;
    Bench bench(settings);
    bench.ca.on_post = [](const FakeCa::Post&) -> std::optional<Result<http::Response>> {
        return std::nullopt;
    };
    std::vector<int> answered;
    for (int i = 0; i < 5; ++i) {
        bench.client->fetch_order(bench.account,
                                  ca + "/order/" + std::to_string(i),
                                  [&, i](Outcome<OrderResource>) { answered.push_back(i); });
    }
    bench.executor.run_all();
    CHECK(bench.http.open() == 2);
    for (int i = 0; i < 5; ++i) {
        CHECK(bench.http.open() <= 2);
        bench.http.answer("/order/" + std::to_string(i), answer(200, order_json("pending")));
        bench.executor.run_all();
    }
    CHECK(answered == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("queue: a handler may ask again, and may end the client") {
    Bench bench;
    bench.ca.on_post = pending_order;
    int steps = 0;
    bench.client->fetch_order(bench.account, ca + "/order/1", [&](Outcome<OrderResource>) {
        ++steps;
        bench.client->fetch_order(bench.account, ca + "/order/1", [&](Outcome<OrderResource>) {
            ++steps;
            bench.client.reset();
        });
        bench.client->directory([&](Outcome<Directory>) {});
    });
    bench.executor.run_all();
    CHECK(steps == 2);
}

TEST_CASE("queue: a client that goes takes its requests and handlers with it") {
    Bench bench;
    bench.ca.on_post = [](const FakeCa::Post&) -> std::optional<Result<http::Response>> {
        return std::nullopt;
    };
    int answered = 0;
    const auto owned = std::make_shared<int>(0);
    for (int i = 0; i < 20; ++i) {
        bench.client->fetch_order(
            bench.account, ca + "/order/1", [&, owned](Outcome<OrderResource>) { ++answered; });
    }
    bench.executor.run_all();
    CHECK(bench.http.open() == 8);
    bench.client.reset();
    CHECK(bench.http.open() == 0);
    bench.executor.run_all();
    CHECK(answered == 0);
    CHECK(owned.use_count() == 1);
}

}  // namespace
}  // namespace mesh::acme

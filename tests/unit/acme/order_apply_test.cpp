// How answers of the CA change what is stored.
#include "acme/order.hpp"
#include "support/catch.hpp"

namespace mesh::acme {
namespace {

OrderResource answer(OrderStatus status, std::vector<std::string> authorizations = {}) {
    OrderResource resource;
    resource.url = "https://ca.example/order/1";
    resource.status = status;
    resource.authorizations = std::move(authorizations);
    return resource;
}

TEST_CASE("apply: the answer to newOrder fills the state") {
    OrderState order;
    order.names = {"a.example"};
    OrderResource resource = answer(OrderStatus::pending, {"https://ca.example/authz/1"});
    resource.finalize = "https://ca.example/finalize/1";
    resource.expires = WallTime{std::chrono::hours{500'000}};
    apply(order, resource);
    CHECK(order.url == "https://ca.example/order/1");
    CHECK(order.finalize_url == "https://ca.example/finalize/1");
    CHECK(order.expires == resource.expires);
    REQUIRE(order.authorizations.size() == 1);
    CHECK(order.authorizations[0].url == "https://ca.example/authz/1");
    CHECK(order.authorizations[0].name.empty());
}

TEST_CASE("apply: a short answer takes nothing away") {
    OrderState order;
    order.url = "https://ca.example/order/1";
    order.finalize_url = "https://ca.example/finalize/1";
    order.certificate_url = "https://ca.example/cert/1";
    order.authorizations.resize(2);
    OrderResource resource;
    resource.status = OrderStatus::processing;
    apply(order, resource);
    CHECK(order.url == "https://ca.example/order/1");
    CHECK(order.finalize_url == "https://ca.example/finalize/1");
    CHECK(order.certificate_url == "https://ca.example/cert/1");
    CHECK(order.authorizations.size() == 2);
}

TEST_CASE("apply: authorizations in another order keep their places and what is known") {
    OrderState order;
    apply(order, answer(OrderStatus::pending, {"https://ca.example/1", "https://ca.example/2"}));
    order.authorizations[0].name = "a.example";
    order.authorizations[1].name = "b.example";
    apply(order, answer(OrderStatus::pending, {"https://ca.example/2", "https://ca.example/1"}));
    CHECK(order.authorizations[0].name == "a.example");
    apply(order,
          answer(OrderStatus::pending,
                 {"https://ca.example/3", "https://ca.example/2", "https://ca.example/2"}));
    REQUIRE(order.authorizations.size() == 2);
    CHECK(order.authorizations[0].name.empty());
    CHECK(order.authorizations[1].name == "b.example");
}

TEST_CASE("apply: an authorization brings its name in canonical spelling and its challenge") {
    OrderState order;
    apply(order, answer(OrderStatus::pending, {"https://ca.example/1"}));
    AuthorizationResource resource;
    resource.identifier = "Shop.EXAMPLE";
    resource.status = AuthorizationStatus::pending;
    resource.challenge_url = "https://ca.example/c";
    resource.token = "token";
    resource.challenge_status = ChallengeStatus::pending;
    apply(order, 0, resource);
    const AuthorizationState& one = order.authorizations[0];
    CHECK(one.name == "shop.example");
    CHECK(one.challenge_url == "https://ca.example/c");
    CHECK(one.token == "token");
    CHECK_FALSE(one.responded);

    resource.wildcard = true;
    apply(order, 0, resource);
    CHECK(one.name == "*.shop.example");
}

TEST_CASE("apply: a challenge the CA is already busy with needs no telling") {
    OrderState order;
    apply(order, answer(OrderStatus::pending, {"https://ca.example/1"}));
    AuthorizationResource resource;
    resource.identifier = "shop.example";
    resource.challenge_status = ChallengeStatus::processing;
    apply(order, 0, resource);
    CHECK(order.authorizations[0].responded);
    // Some CAs show `pending` while they validate: what was told stays told.
    resource.challenge_status = ChallengeStatus::pending;
    apply(order, 0, resource);
    CHECK(order.authorizations[0].responded);
}

}  // namespace
}  // namespace mesh::acme

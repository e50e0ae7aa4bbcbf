// The small parts: rows, limits, names on the board, names as text.
#include "control/challenge_board.hpp"
#include "control/identity.hpp"
#include "control/order_row.hpp"
#include "control/rate_limit.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

Hostname host(const std::string& name) {
    return Hostname::parse(name).value();
}

acme::OrderState an_order(acme::OrderStatus status, acme::AuthorizationStatus authorization) {
    acme::OrderState order;
    order.names = {"b.example", "a.example"};
    order.profile = "shortlived";
    order.url = "https://ca.test/order/1";
    order.status = status;
    order.finalize_url = "https://ca.test/finalize/1";
    order.certificate_url = "https://ca.test/cert/1";
    order.expires = at("2026-02-01T00:00:00Z");
    order.key_pem = Secret{"not a key"};
    order.finalized = true;
    acme::AuthorizationState one;
    one.url = "https://ca.test/authz/1";
    one.name = "a.example";
    one.status = authorization;
    one.challenge_url = "https://ca.test/challenge/1";
    one.token = "token";
    one.responded = true;
    order.authorizations = {one, {}};
    return order;
}

}  // namespace

TEST_CASE("order row: every state of an order comes back as it was") {
    using acme::AuthorizationStatus;
    using acme::OrderStatus;
    const store::CertificateKey key{directory, {"a.example", "b.example"}};
    for (const auto status : {OrderStatus::pending,
                              OrderStatus::ready,
                              OrderStatus::processing,
                              OrderStatus::valid,
                              OrderStatus::invalid,
                              OrderStatus::unknown})
        for (const auto authorization : {AuthorizationStatus::pending,
                                         AuthorizationStatus::valid,
                                         AuthorizationStatus::invalid,
                                         AuthorizationStatus::deactivated,
                                         AuthorizationStatus::expired,
                                         AuthorizationStatus::revoked,
                                         AuthorizationStatus::unknown}) {
            const auto order = an_order(status, authorization);

            const auto row = to_row(key, order, at("2026-01-01T00:00:00Z"));
            const auto back = from_row(row);

            REQUIRE(back.has_value());
            CHECK(same_row(*back, order));
            CHECK(back->status == status);
            CHECK(back->authorizations[0].status == authorization);
            CHECK(back->key_pem == order.key_pem);
            CHECK(row.key == key);
            CHECK(row.created == at("2026-01-01T00:00:00Z"));
        }
    const acme::OrderState empty;
    CHECK(same_row(from_row(to_row(key, empty, {})).value(), empty));
}

TEST_CASE("order row: a status nobody knows is corrupt, not guessed") {
    auto row = to_row({directory, {"a.example"}},
                      an_order(acme::OrderStatus::ready, acme::AuthorizationStatus::valid),
                      {});
    row.status = "shiny";
    CHECK(from_row(row).error().code == Errc::corrupt);
    row.status = "ready";
    row.authorizations[0].status = "shiny";
    CHECK(from_row(row).error().code == Errc::corrupt);
}

TEST_CASE("order row: a stored order that cannot be read is replaced by another") {
    World world;
    world.ca.polls_until_valid = 1'000;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] == 1; }, 10s));
    world.kill();
    auto row = *world.store.order_of("a.example");
    row.status = "shiny";
    world.store.apply({store::PutOrder{row}}, world.executor, [](auto) {});
    world.ca.polls_until_valid = 0;

    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 1min));
    CHECK(world.ca.orders_made == 2);
}

TEST_CASE("rate limit: who is stopped is read from the CA's words") {
    const auto scope = [](const std::string& detail) {
        return limit_scope(a_failure(acme::FailureClass::rate_limited, "rateLimited", detail));
    };
    CHECK(scope("too many new orders (300) from this account in the last 3h0m0s") ==
          LimitScope::authority);
    CHECK(scope("Service busy; retry later.") == LimitScope::authority);
    CHECK(scope("too many certificates (50) already issued for \"example.com\" in the last 168h") ==
          LimitScope::certificate);
    CHECK(scope("too many certificates (5) already issued for this exact set of identifiers") ==
          LimitScope::certificate);
    CHECK(scope("Too Many failed authorizations (5) for \"a.example\" in the last 1h0m0s") ==
          LimitScope::certificate);
    CHECK(
        scope("Your account is temporarily prevented from requesting certificates for a.example") ==
        LimitScope::certificate);
    CHECK(limit_scope(a_failure(acme::FailureClass::rate_limited)) == LimitScope::authority);
}

TEST_CASE("challenge board: an order takes all its names or none") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ManualExecutor executor{clock};
    FakePublisher publisher{executor};
    std::vector<ChallengeBoard::Owner> woken;
    ChallengeBoard board{publisher, [&](ChallengeBoard::Owner owner) { woken.push_back(owner); }};

    REQUIRE(board.take(1, {host("a.example"), host("b.example")}));
    CHECK_FALSE(board.take(2, {host("c.example"), host("b.example")}));
    CHECK_FALSE(board.take(3, {host("b.example")}));
    CHECK(board.take(4, {host("c.example")}));  // 2 holds nothing while it waits
    board.publish(1, host("b.example"), nullptr, [] {});
    board.publish(2, host("b.example"), nullptr, [] {});  // not its name
    CHECK(publisher.challenges.size() == 1);

    board.release(1, host("a.example"));
    CHECK(woken.empty());
    board.release(1, host("b.example"));
    CHECK(woken == std::vector<ChallengeBoard::Owner>{2, 3});
    CHECK(publisher.challenges.empty());
    CHECK_FALSE(board.take(2, {host("c.example"), host("b.example")}));
    board.release_all(4);
    CHECK(woken.back() == 2);
    CHECK(board.take(2, {host("c.example"), host("b.example")}));
    board.release_all(2);
    CHECK(board.size() == 0);
}

TEST_CASE("names: long lists are cut for people, identities are sorted and unique") {
    std::vector<std::string> names;
    for (int i = 0; i < 100; ++i) names.push_back("n" + std::to_string(i));
    CHECK(names_text({"b", "a"}) == "b, a");
    CHECK_THAT(names_text(names), ContainsSubstring("n7 and 92 more"));
    CHECK(identity_names({"b", "a", "b"}) == std::vector<std::string>{"a", "b"});
}

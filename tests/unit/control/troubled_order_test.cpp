// Orders and challenges that do not go their way, none of which may cost a second order.
#include "support/catch.hpp"
#include "unit/control/support/refusals.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("failure: finalize is never sent again blindly") {
    World world;
    world.add({"a.example"});
    std::size_t lost = 1;
    // The request arrives, its answer does not.
    world.ca.polls_until_issued = 1;
    world.ca.refuse = [&](Step step, const std::vector<std::string>&) {
        std::optional<acme::Failure> failure;
        if (step == Step::order && lost > 0) {
            --lost;
            failure = a_failure(acme::FailureClass::unreachable);
        }
        return failure;
    };
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 5min));

    CHECK(world.ca.finalized == 1);
    CHECK(world.ca.finalized_twice == 0);
}

TEST_CASE("failure: a finalize that did not arrive is sent when the CA says so") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = refusing(Step::finalize, a_failure(acme::FailureClass::unreachable));
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 5min));

    CHECK(world.ca.asked[Step::finalize] == 2);
    CHECK(world.ca.finalized == 1);
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("failure: orderNotReady is waited for") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = refusing(
        Step::finalize, a_failure(acme::FailureClass::order_not_ready, "orderNotReady"), 3);
    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 5min));
    CHECK(world.ca.orders_made == 1);
    CHECK(world.log.count("order_failed") == 0);
}

TEST_CASE("failure: a CA that calls an order ready and not ready for ever gets no flood") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = refusing(
        Step::finalize, a_failure(acme::FailureClass::order_not_ready, "orderNotReady"), 1'000'000);
    world.start();

    world.run_for(6h);

    CHECK(world.log.count("order_failed") >= 1);
    CHECK(world.log.last("order_failed").fields.at("type") == "mesh:circle");
    CHECK(world.ca.orders_made <= 6);
    CHECK(world.ca.asked[Step::finalize] < 1'500);
}

TEST_CASE("failure: a CSR the CA does not like costs the order and waits") {
    World world;
    world.add({"a.example"});
    world.ca.refuse =
        refusing(Step::finalize, a_failure(acme::FailureClass::config, "badCSR", "no"));
    world.start();

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));
    CHECK_FALSE(world.store.order_of("a.example").has_value());
    CHECK(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.ca.orders_made == 2);
}

TEST_CASE("failure: an order the CA has forgotten is made again at once, once") {
    World world;
    world.add({"a.example"});
    world.ca.refuse =
        refusing(Step::respond, a_failure(acme::FailureClass::order_gone, "malformed", "unknown"));
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    CHECK(world.ca.orders_made == 2);
    CHECK(world.log.count("order_failed") == 0);

    World stubborn;
    stubborn.add({"a.example"});
    stubborn.ca.refuse = refusing(
        Step::authorization, a_failure(acme::FailureClass::order_gone, "malformed", "unknown"), 99);
    stubborn.start();
    stubborn.run_for(5min);
    CHECK(stubborn.ca.orders_made <= 4);
    CHECK(stubborn.log.count("order_failed") >= 1);
}

TEST_CASE("failure: an order stuck in processing is kept for later, never replaced") {
    World world;
    world.ca.polls_until_issued = 1'000'000;
    world.add({"a.example"});
    world.start();

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 1h));
    CHECK(world.store.order_of("a.example")->finalized);
    world.run_for(5h);
    CHECK(world.ca.orders_made == 1);
    CHECK(world.ca.asked[Step::order] < 1'000);

    world.ca.polls_until_issued = 0;
    CHECK(world.run_until([&] { return world.all_live(); }, 10h));
    CHECK(world.ca.orders_made == 1);
    CHECK(world.ca.finalized == 1);
}

TEST_CASE("failure: a refused challenge is told, and the CA is told of it again") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = refusing(Step::respond,
                               a_failure(acme::FailureClass::protocol, "malformed", "no such key"));
    world.start();

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));
    CHECK_THAT(world.log.last("order_failed").fields.at("detail"),
               ContainsSubstring("no such key"));
    CHECK_FALSE(world.store.order_of("a.example")->authorizations.at(0).responded);
    CHECK(world.publisher->challenges.empty());

    CHECK(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("failure: a challenge that is refused because it is on its way already goes on") {
    World world;
    world.add({"a.example"});
    world.ca.polls_until_valid = 2;
    world.ca.hears_what_it_refuses = true;
    world.ca.refuse = refusing(
        Step::respond, a_failure(acme::FailureClass::protocol, "malformed", "already processing"));
    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 30s));
    CHECK(world.log.count("order_failed") == 0);
    CHECK(world.ca.asked[Step::respond] == 1);
}

TEST_CASE("failure: a CA that refuses a challenge for ever gets another order, with back-off") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = refusing(
        Step::respond, a_failure(acme::FailureClass::protocol, "malformed", "no"), 1'000'000);
    world.start();
    world.run_for(24h);

    CHECK(world.log.count("order_failed") >= 5);
    CHECK(world.log.count("order_failed") <= 9);
    CHECK(world.ca.orders_made >= 2);
    CHECK(world.ca.asked[Step::respond] == world.log.count("order_failed"));
}

TEST_CASE("failure: asked why an order failed, a CA that forgot it gets no other one at once") {
    World world;
    world.add({"a.example"});
    world.ca.fails_validation = [](const std::string&) {
        return std::optional{problem("dns", "NXDOMAIN")};
    };
    world.start();
    REQUIRE(world.run_until(
        [&] {
            const auto order = world.store.order_of("a.example");
            return order && !order->authorizations.empty() &&
                   order->authorizations[0].status == "invalid";
        },
        30s));
    world.kill();
    world.ca.refuse = refusing(Step::authorization,
                               a_failure(acme::FailureClass::order_gone, "malformed", "unknown"));
    world.start();
    world.run_for(20s);

    CHECK(world.log.count("order_failed") == 1);
    CHECK_THAT(world.log.last("order_failed").fields.at("detail"), ContainsSubstring("invalid"));
    CHECK(world.ca.orders_made == 1);
}

// What the CA refuses: when it is tried again, and what is told.
#include "support/catch.hpp"
#include "unit/control/support/refusals.hpp"
#include "unit/control/support/world.hpp"

#include <algorithm>

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("failure: a name that does not validate is tried after 1, 10, 100 min, then 6 h") {
    World world;
    world.add({"good.example", "bad.example"});
    world.ca.fails_validation = [](const std::string& name) {
        std::optional<acme::Problem> result;
        if (name == "bad.example") result = problem("dns", "NXDOMAIN looking up A for bad.example");
        return result;
    };
    world.start();

    world.run_for(24h);

    // At 0, 1, 11 and 111 minutes, then every six hours, give or take a fifth.
    CHECK(world.ca.orders_made >= 6);
    CHECK(world.ca.orders_made <= 9);
    const auto& line = world.log.last("order_failed");
    CHECK(line.fields.at("type") == "urn:ietf:params:acme:error:dns");
    CHECK_THAT(line.fields.at("detail"), ContainsSubstring("bad.example"));
    CHECK_THAT(line.fields.at("detail"), ContainsSubstring("NXDOMAIN"));
    CHECK(line.fields.at("certificate") == "bad.example, good.example");
    CHECK(line.fields.contains("next_at"));
    CHECK(world.publisher->challenges.empty());
    CHECK(world.log.count("order_failed") == world.ca.orders_made);
}

TEST_CASE("failure: others go on while one fails") {
    World world;
    world.add({"bad.example"});
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.ca.fails_validation = [](const std::string& name) {
        std::optional<acme::Problem> result;
        if (name == "bad.example") result = problem("connection", "refused");
        return result;
    };
    world.start();

    CHECK(world.run_until(
        [&] { return world.store.transitions > 0 && world.publisher->served.size() == 20; }, 2min));
    CHECK(world.log.count("ca_down") == 0);
}

TEST_CASE("failure: while a certificate is valid no wait exceeds a quarter of what is left") {
    World world;
    world.ca.lifetime = 1h;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.ca.fails_validation = [](const std::string&) {
        return std::optional{problem("dns", "SERVFAIL")};
    };
    // Half an hour is left at the renewal: attempts come closer as the end does.
    world.run_for(59min);
    const std::size_t failed = world.log.count("order_failed");
    CHECK(failed > 6);
    CHECK(failed < 20);

    world.ca.fails_validation = {};
    CHECK(world.run_until([&] { return world.ca.issued == 2; }, 3min));
}

TEST_CASE("failure: no supported challenge says what is offered") {
    World world;
    world.ca.offers_challenge = false;
    world.add({"a.example"});
    world.start();

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));

    CHECK_THAT(world.log.last("order_failed").fields.at("detail"),
               ContainsSubstring("http-01, dns-01"));
}

TEST_CASE("failure: a profile the CA does not offer is refused here, with those it offers") {
    World world;
    world.ca.profiles = {"classic", "tlsserver"};
    world.add({"a.example"}).profile = "shortlived";
    world.start();

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));
    CHECK_THAT(world.log.last("order_failed").fields.at("detail"),
               ContainsSubstring("classic, tlsserver"));
    CHECK(world.ca.asked[Step::place] == 0);

    world.ca.profiles.emplace_back("shortlived");
    CHECK(world.run_until([&] { return world.all_live(); }, 2h));
}

TEST_CASE("failure: a configuration that asks otherwise does not wait for the old refusal") {
    World world;
    world.ca.profiles = {"classic"};
    world.add({"a.example"}).profile = "shortlived";
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 3; }, 3h));

    world.want();  // the same again: the wait goes on
    world.run_for(1min);
    CHECK_FALSE(world.all_live());

    world.wanted.certificates[0].profile = "classic";
    world.want();
    CHECK(world.run_until([&] { return world.all_live(); }, 30s));
}

TEST_CASE("failure: a CA that says \"in a second\" for ever is not asked every second") {
    World world;
    world.add({"a.example"});
    bool limits = true;
    world.ca.refuse = [&](Step step, const std::vector<std::string>&) {
        std::optional<acme::Failure> failure;
        if (step == Step::authorization && limits) {
            failure = a_failure(acme::FailureClass::rate_limited, "rateLimited", "slow down");
            failure->retry_at = world.clock.now() + 1s;
        }
        return failure;
    };
    world.start();
    world.run_for(6h);

    // 1, 10, 20 … 300 s: 6 before the slowest pace, then 12 an hour.
    CHECK(world.ca.asked[Step::authorization] > 60);
    CHECK(world.ca.asked[Step::authorization] < 100);
    CHECK(world.log.count("order_failed") > 2);
    CHECK(world.log.count("order_failed") < 12);
    const auto record = world.store.find("a.example")->record;
    CHECK(world.store.history(record.key, 1'000).value().size() < 12);
    CHECK(record.attempts == 0);
    CHECK(record.last_error->type == "urn:ietf:params:acme:error:rateLimited");

    limits = false;
    CHECK(world.run_until([&] { return world.all_live(); }, 7min));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("failure: another configuration does not shorten what the CA asked to wait") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = [&, left = 1](Step step, const std::vector<std::string>&) mutable {
        std::optional<acme::Failure> failure;
        if (step == Step::place && left > 0) {
            --left;
            failure = a_failure(acme::FailureClass::rate_limited,
                                "rateLimited",
                                "too many certificates already issued for this exact set");
            failure->retry_at = world.clock.now() + 5h;
        }
        return failure;
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));

    world.wanted.certificates[0].key_type = model::KeyType::ec384;
    world.want();
    world.run_for(4h + 50min);
    CHECK(world.ca.asked[Step::place] == 1);
    CHECK(world.run_until([&] { return world.all_live(); }, 15min));
}

TEST_CASE("failure: another key type does not shorten a Retry-After of any refusal") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = [&, left = 1](Step step, const std::vector<std::string>&) mutable {
        std::optional<acme::Failure> failure;
        if (step == Step::place && left > 0) {
            --left;
            failure = a_failure(acme::FailureClass::protocol, "malformed", "not now");
            failure->retry_at = world.clock.now() + 5h;
        }
        return failure;
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));

    world.wanted.certificates[0].key_type = model::KeyType::ec384;
    world.want();
    world.run_for(4h + 50min);
    CHECK(world.ca.asked[Step::place] == 1);
    CHECK(world.run_until([&] { return world.all_live(); }, 15min));
}

TEST_CASE("failure: a problem text is bounded and safe to print wherever it is kept") {
    World world;
    world.add({"a.example"});
    world.ca.fails_validation = [](const std::string&) {
        acme::Problem hostile = problem("dns", "\x1b[2J\rroot# " + std::string(4'000, 'x'));
        for (int i = 0; i < 100; ++i)
            hostile.subproblems.push_back(
                {"urn:ietf:params:acme:error:dns", std::string(4'096, '\x07'), "a.example"});
        return std::optional{hostile};
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));
    world.executor.settle();

    const auto record = world.store.find("a.example")->record;
    const auto history = world.store.history(record.key, 1).value();
    for (const std::string& kept : {record.last_error->detail,
                                    history.at(0).detail,
                                    world.log.last("order_failed").fields.at("detail")}) {
        CHECK(kept.size() <= 4'100);
        CHECK_THAT(kept, ContainsSubstring("root#"));
        CHECK(std::all_of(kept.begin(), kept.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    }
}

TEST_CASE("failure: the problem with a whole CA is safe to print too") {
    World world;
    world.add({"a.example"});
    world.ca.refuse =
        refusing(Step::place,
                 a_failure(acme::FailureClass::rate_limited, "rateLimited", "\x1b[2J slow down"));
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("ca_rate_limited") == 1; }, 30s));
    world.executor.settle();

    CHECK(world.log.text().find('\x1b') == std::string::npos);
    CHECK(world.store.authorities().value().at(0).reason.find('\x1b') == std::string::npos);
}

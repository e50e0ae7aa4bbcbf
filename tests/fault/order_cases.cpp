// B: the life of an order in a CA's hands.
#include "fault/support/site.hpp"
#include "support/catch.hpp"

#include <filesystem>

using namespace mesh;
using namespace mesh::fault;
namespace fs = std::filesystem;

TEST_CASE("B35: orderNotReady is polled, then finalized again") {
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::finalize).times(3).instead(problem(403, "orderNotReady", "not yet"));
    site.start();

    REQUIRE(site.run_until_live(2min));
    CHECK(site.ca.seen.asked[Step::finalize] == 4);
    CHECK(site.ca.seen.asked[Step::order] >= 3);
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("B36: an order that fails tells why, and another is made after the back-off") {
    Site site;
    site.add({"a.example", "b.example"});
    std::string says;

    SECTION("a name of it") {
        says = "b.example: dns: NXDOMAIN looking up A";
        site.ca.validate = [](const std::string& name, const std::string&) {
            std::optional<Json> error;
            if (name == "b.example") error = problem_json("dns", "NXDOMAIN looking up A");
            return error;
        };
    }
    SECTION("the order itself") {
        says = "the CA was told not to";
        site.ca.script.on(Step::finalize).by([&](const Asked&, const Execute&) {
            site.ca.fail_open_orders("rejectedIdentifier", says);
            Reply lost;
            lost.lost = true;
            return lost;
        });
    }
    site.start();
    REQUIRE(site.run_until_failed());

    CHECK_THAT(site.failure(), ContainsSubstring(says));
    const auto record = site.stored("a.example").record;
    CHECK_THAT(record.last_error->detail, ContainsSubstring(says));
    CHECK(record.attempts == 1);
    CHECK_FALSE(site.order_of("a.example").has_value());
    site.run_for(40s);
    CHECK(site.ca.seen.orders_made == 1);

    site.ca.script.clear();
    site.ca.validate = {};
    CHECK(site.run_until_live(2min));
    CHECK(site.ca.seen.orders_made == 2);
}

TEST_CASE("B37: an order in processing is kept for its next slot, never replaced") {
    const std::string retry_after = GENERATE("", "30");
    CAPTURE(retry_after);
    Site site;
    site.ca.manners.polls_until_issued = Manners::never;
    site.ca.manners.retry_after = retry_after;
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_failed());
    CHECK(site.order_of("a.example")->finalized);
    CHECK(site.failure("type") == "mesh:timeout");
    site.run_for(5h);
    site.restart();
    site.run_for(5h);
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.ca.seen.asked[Step::order] < 800);

    site.ca.manners.polls_until_issued = 0;
    REQUIRE(site.run_until_live(8h));
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.ca.seen.asked[Step::finalize] == 1);
}

TEST_CASE("B38: an order that is ready at once needs no challenge") {
    Site site;
    site.ca.manners.knows_names = true;
    site.add({"a.example"});
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.ca.seen.asked[Step::challenge] == 0);
    CHECK(site.publisher->challenges_max == 0);
}

TEST_CASE("B39: an order that is valid for a key nobody has is thrown away, for a new one") {
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::new_order).once().changed([&](Reply& reply) {
        reply.edit([&](Json& body) {
            body["status"] = "valid";
            body["certificate"] = site.ca.origin() + "/certificate/99";
        });
    });
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.ca.seen.orders_made == 2);
    CHECK(site.ca.seen.asked[Step::certificate] == 1);
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("B39: an order that became valid while we were gone is downloaded with our key") {
    Site site;
    site.add({"a.example"});
    site.ca.manners.polls_until_issued = Manners::never;
    site.start();
    REQUIRE(site.run_until([&] { return site.ca.seen.finalized == 1; }, 1min));
    site.run_for(2s);
    site.kill();
    site.ca.manners.polls_until_issued = 0;
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.ca.seen.asked[Step::finalize] == 1);
}

TEST_CASE("B40: a CA that gives the same order again gets the key that order has") {
    Site site;
    site.add({"a.example"});
    site.ca.manners.reuses_orders = true;

    SECTION("killed before the order's URL was stored") {
        site.ca.script.on(Step::new_order).once().changed([](Reply& reply) {
            reply.silent = true;
        });
        site.start();
        REQUIRE(site.run_until([&] { return site.ca.seen.orders_made == 1; }, 1min));
        site.restart();
        REQUIRE(site.run_until_live(1min));
    }
    SECTION("killed when its key was stored") {
        Reply lost;
        lost.lost = true;
        site.ca.script.on(Step::finalize).once().instead(lost);
        site.start();
        REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
        const auto order = site.order_of("a.example");
        REQUIRE_FALSE(order->key_pem.empty());
        site.restart();
        REQUIRE(site.run_until_live(1min));
        const auto material = site.store->version(site.stored("a.example").version_id).value();
        CHECK(material.key_pem.reveal() == order->key_pem.reveal());
    }
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.ca.seen.finalized == 1);
    CHECK(site.ca.seen.account_keys.size() == 1);
}

TEST_CASE("B41: an order that expires between two steps is followed by another one") {
    Site site;
    site.ca.manners.order_life = 30min;
    site.ca.manners.polls_until_valid = Manners::never;
    site.add({"a.example"});
    site.start();
    site.run_for(25min);
    CHECK(site.ca.seen.orders_made == 1);
    site.run_for(3h);
    CHECK(site.ca.seen.orders_made <= 5);
    const std::size_t made = site.ca.seen.orders_made;

    site.ca.manners.polls_until_valid = 0;
    REQUIRE(site.run_until_live(8h));
    CHECK(site.ca.seen.orders_made <= made + 1);
    CHECK(site.ca.seen.issued == 1);
}

TEST_CASE("B43: without a challenge we can answer, both sides' types are named") {
    Site site;
    site.ca.manners.challenge_types = {"http-01", "dns-01"};
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_failed());

    CHECK_THAT(site.failure(), ContainsSubstring("http-01, dns-01"));
    CHECK_THAT(site.failure(), ContainsSubstring("tls-alpn-01"));
    site.run_for(24h);
    CHECK(site.ca.seen.orders_made <= 9);
}

TEST_CASE("F88: an old copy of the store costs one order at most, and no account") {
    Site site;
    site.ca.manners.lifetime = days{9};
    site.ca.manners.polls_until_valid = 2;
    site.add({"a.example"});
    site.start();
    const fs::path copy = site.folder + "/copy.db";
    const auto copy_now = [&] {
        site.kill();
        fs::copy_file(site.folder + "/mesh.db", copy);
        site.start();
    };

    SECTION("of the time before the order ended") {
        REQUIRE(site.run_until([&] { return site.ca.seen.asked[Step::challenge] == 1; }, 1min));
        copy_now();
        REQUIRE(site.run_until_live(1min));
    }
    SECTION("of the time before the renewal") {
        REQUIRE(site.run_until_live(1min));
        copy_now();
        REQUIRE(site.run_until([&] { return site.ca.seen.issued == 2; }, days{5}));
        site.run_for(1min);
    }
    const std::size_t made = site.ca.seen.orders_made;
    site.kill();
    for (const char* log : {"-wal", "-shm"}) fs::remove(site.folder + "/mesh.db" + log);
    fs::copy_file(copy, site.folder + "/mesh.db", fs::copy_options::overwrite_existing);
    site.start();
    site.run_for(1h);

    CHECK(site.all_live());
    CHECK(site.ca.seen.orders_made <= made + 1);
    CHECK(site.ca.seen.account_keys.size() == 1);
    CHECK(site.log.count("order_failed") == 0);
}

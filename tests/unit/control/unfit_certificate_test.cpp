// What the CA sends that must not go live, or not yet.
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("failure: a certificate that must not go live does not, and the old one stays") {
    struct Case {
        const char* name;
        void (*spoil)(Issuer::Leaf&);
        const char* says;
    };
    const Case cases[] = {
        {"another key", [](Issuer::Leaf& leaf) { leaf.other_key = true; }, "key"},
        {"a name is missing", [](Issuer::Leaf& leaf) { leaf.names.pop_back(); }, "www.a.example"},
        {"expired",
         [](Issuer::Leaf& leaf) {
             leaf.not_before -= days{200};
             leaf.not_after = leaf.not_before + days{90};
         },
         "expired"},
        {"begins in a week",
         [](Issuer::Leaf& leaf) {
             leaf.not_before += days{7};
             leaf.not_after += days{7};
         },
         "not valid yet"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        World world;
        world.ca.lifetime = days{6};
        world.add({"a.example", "www.a.example"});
        world.start();
        REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
        const auto old = world.store.find("a.example")->version_id;
        world.ca.spoil = c.spoil;

        REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, days{4}));
        CHECK(world.publisher->find("a.example")->entry->version == old);
        CHECK(world.log.last("order_failed").fields.at("type") == "mesh:unproven");
        CHECK_THAT(world.log.last("order_failed").fields.at("detail"), ContainsSubstring(c.says));
        CHECK_FALSE(world.store.order_of("a.example").has_value());

        world.ca.spoil = {};
        CHECK(world.run_until([&] { return world.store.find("a.example")->version_id != old; },
                              5min));
        CHECK(world.live("a.example"));
    }
}

TEST_CASE("failure: more names than asked for are accepted") {
    World world;
    world.ca.spoil = [](Issuer::Leaf& leaf) { leaf.names.emplace_back("extra.example"); };
    world.add({"a.example"});
    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 30s));
}

TEST_CASE("failure: a certificate whose life begins in an hour is held until then") {
    World world;
    world.ca.spoil = [](Issuer::Leaf& leaf) {
        leaf.not_before += 1h;
        leaf.not_after += 1h;
    };
    world.add({"a.example"});
    world.start();
    world.run_for(59min);
    CHECK(world.publisher->served.empty());
    CHECK(world.log.count("certificate_held") == 1);

    world.run_for(2min);

    CHECK(world.live("a.example"));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("failure: a CA that sends the same certificate again is not asked in a circle") {
    World world;
    world.ca.lifetime = days{6};
    world.ca.sends_the_same_again = true;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    world.run_for(days{5});

    // The first, then renewals from the third day on: 1, 10, 100 min, then what is left / 4.
    CHECK(world.ca.orders_made > 3);
    CHECK(world.ca.orders_made < 14);
}

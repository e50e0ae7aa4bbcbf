// A disk that does not take what is written.
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

const Error disk_full{Errc::full, Origin::internal, "no space left on device"};

}  // namespace

TEST_CASE("store fault: no order is made that could not be remembered") {
    World world;
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::account] == 1; }, 10s));
    world.executor.settle();
    world.store.fault = disk_full;
    world.run_for(6h);

    CHECK(world.ca.asked[Step::place] == 0);
    CHECK(world.store.refused < 500);  // one repeats, a minute apart
    CHECK(world.log.count("commit_waits") == 1);

    world.store.fault.reset();
    CHECK(world.run_until([&] { return world.all_live(); }, 3min));
    CHECK(world.log.count("commit_done") == 1);
    CHECK(world.ca.orders_made == 20);
}

TEST_CASE("store fault: a certificate that cannot be stored is served, and stored later") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 1; }, 1min));
    world.store.fault = disk_full;

    REQUIRE(world.run_until([&] { return world.live("a.example"); }, 10s));
    CHECK_FALSE(world.store.find("a.example")->version.has_value());
    CHECK(world.log.count("cert_live") == 0);
    world.run_for(10min);
    CHECK(world.ca.orders_made == 1);

    world.store.fault.reset();
    REQUIRE(world.run_until([&] { return world.log.count("cert_live") == 1; }, 2min));
    REQUIRE(world.publisher->served.size() == 1);
    const auto stored = world.store.find("a.example");
    CHECK(world.publisher->find("a.example")->entry->id == stored->certificate_id);
    CHECK(world.publisher->find("a.example")->entry->version == stored->version_id);
}

TEST_CASE("store fault: a renewal that cannot be stored replaces the old one in memory") {
    World world;
    world.ca.lifetime = days{6};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 2; }, days{4}));
    const WallTime ends = world.publisher->find("a.example")->entry->not_after;
    world.store.fault = disk_full;
    world.run_for(1min);

    CHECK(world.publisher->served.size() == 1);
    CHECK(world.publisher->find("a.example")->entry->not_after > ends);
}

TEST_CASE("store fault: killed before it could be stored, the order brings it again") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 1; }, 1min));
    world.store.fault = disk_full;
    world.run_for(10s);
    world.kill();
    world.store.fault.reset();

    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 1min));
    CHECK(world.ca.orders_made == 1);
    CHECK(world.ca.finalized == 1);
}

TEST_CASE("store fault: a store that can only be read means no orders, and everything served") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.kill();
    world.store.is_writable = false;
    world.add({"b.example"});

    world.start();
    world.run_for(days{80});

    CHECK(world.live("a.example"));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("store fault: in the middle of an order its turn goes to others") {
    World world;
    world.ca.polls_until_valid = 2;
    for (int i = 0; i < 12; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] > 4; }, 1min));
    world.store.fault = disk_full;
    world.run_for(5min);
    world.store.fault.reset();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 5min));
    CHECK(world.ca.orders_made == 12);
    CHECK(world.ca.finalized == 12);
}

// Dates that are wrong, and dates that change.
#include "control/action_heap.hpp"
#include "control/clock_guard.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("clock: before the build, or a day off the CA's, it is wrong") {
    const WallTime build = at("2026-01-01T00:00:00Z");
    CHECK(judge_clock(build - 1ms, build, std::nullopt) == ClockVerdict::wrong);
    CHECK(judge_clock(build, build, std::nullopt) == ClockVerdict::right);
    CHECK(judge_clock(build, build, 5min) == ClockVerdict::right);
    CHECK(judge_clock(build, build, -6min) == ClockVerdict::suspicious);
    CHECK(judge_clock(build, build, 24h) == ClockVerdict::suspicious);
    CHECK(judge_clock(build, build, -25h) == ClockVerdict::wrong);
}

TEST_CASE("clock: before this program was built nothing is ordered, with one error") {
    World world{at("1970-01-02T00:00:00Z")};
    world.add({"a.example"});
    world.start();
    world.run_for(5h);
    CHECK(world.ca.asked.empty());
    CHECK(world.log.count("clock_wrong") == 1);
    CHECK(world.log.last("clock_wrong").level == LogLevel::error);

    world.clock.set_wall(at("2026-01-01T00:00:00Z"));

    CHECK(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.log.count("clock_right") == 1);
}

TEST_CASE("clock: after a start in 1970 a certificate near its end is spoken of all the same") {
    World world;
    world.ca.lifetime = days{100};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const WallTime ends = world.publisher->find("a.example")->entry->not_after;
    world.kill();
    world.ca.down = true;
    world.clock.set_wall(at("1970-01-02T00:00:00Z"));
    world.start();
    world.run_for(1h);
    CHECK(world.log.count("cert_expiring") == 0);

    world.clock.set_wall(ends - days{1});
    world.run_for(5min);

    REQUIRE(world.log.count("cert_expiring") == 1);
    CHECK(world.log.last("cert_expiring").level == LogLevel::error);
}

TEST_CASE("clock: a day off the CA's nothing is ordered until it agrees") {
    World world;
    world.ca.clock_offset = -days{3650};
    world.add({"a.example"});
    world.start();
    world.run_for(2h);
    CHECK(world.ca.asked[Step::place] == 0);
    CHECK(world.ca.asked[Step::account] == 0);
    CHECK(world.log.count("clock_wrong") == 1);

    world.ca.clock_offset = 0ms;

    CHECK(world.run_until([&] { return world.all_live(); }, 10min));
}

TEST_CASE("clock: minutes off is worth one warning") {
    World world;
    world.ca.clock_offset = 10min;
    for (int i = 0; i < 5; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    CHECK(world.log.count("clock_suspicious") == 1);
}

TEST_CASE("clock: set 90 days ahead, the CA is asked for the date before anything is ordered") {
    World world;
    for (int i = 0; i < 30; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.run_for(days{1});
    const WallTime real = world.clock.now();

    world.clock.set_wall(real + days{90});
    world.ca.clock_offset = -days{90};
    world.run_for(1h);

    CHECK(world.ca.orders_made == 30);
    CHECK(world.log.count("clock_wrong") == 1);
    world.clock.set_wall(real + 1h);
    world.ca.clock_offset = 0ms;
    world.run_for(1h);
    CHECK(world.ca.orders_made == 30);
    CHECK(world.log.count("order_failed") == 0);
}

TEST_CASE("clock: a machine that slept three weeks renews what came due, most urgent first") {
    World world;
    world.ca.lifetime = days{30};
    for (int i = 0; i < 50; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 2min));

    world.clock.set_wall(world.clock.now() + days{21});

    REQUIRE(world.run_until([&] { return world.ca.issued == 100; }, 2min));
    CHECK(world.ca.in_flight_max <= 8);
}

TEST_CASE("clock: set back, a stored wait does not reach into another month") {
    World world;
    world.add({"a.example"});
    world.ca.fails_validation = [](const std::string&) {
        acme::Problem problem;
        problem.type = "urn:ietf:params:acme:error:dns";
        return std::optional{problem};
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 4; }, 3h));
    world.clock.set_wall(world.clock.now() - days{60});
    world.ca.fails_validation = {};
    world.ca.backdated = 0ms;

    CHECK(world.run_until([&] { return world.all_live(); }, 31h));
}

TEST_CASE("heap: the earliest comes first, a new time replaces the old one") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ActionHeap heap{clock};
    heap.set(1, clock.now() + 10s);
    heap.set(2, clock.now() + 5s);
    heap.set_after(3, 7s);
    heap.set(1, clock.now() + 1s);
    heap.cancel(2);

    CHECK(heap.next_wait() == std::chrono::milliseconds{1s});
    CHECK_FALSE(heap.pop_due().has_value());
    clock.advance(8s);
    CHECK(heap.pop_due() == 1U);
    CHECK(heap.pop_due() == 3U);
    CHECK_FALSE(heap.pop_due().has_value());
    CHECK_FALSE(heap.next_wait().has_value());
}

TEST_CASE("heap: wall times follow the wall clock, waits do not") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ActionHeap heap{clock};
    heap.set(1, clock.now() + days{30});
    heap.set_after(2, 10s);

    clock.set_wall(clock.now() + days{31});
    CHECK(heap.pop_due() == 1U);
    CHECK_FALSE(heap.pop_due().has_value());
    clock.set_wall(clock.now() - days{300});
    clock.advance(10s);
    CHECK(heap.pop_due() == 2U);
}

TEST_CASE("heap: setting a time again and again does not make it grow") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    std::size_t changes = 0;
    ActionHeap heap{clock, [&] { ++changes; }};

    for (int i = 0; i < 100'000; ++i) heap.set(1, clock.now() + std::chrono::seconds{i});

    CHECK(heap.size() == 1);
    CHECK(changes == 100'000);
    clock.advance(100'000s);
    CHECK(heap.pop_due() == 1U);
    CHECK_FALSE(heap.pop_due().has_value());
}

TEST_CASE("heap: times in far centuries are neither now nor an overflow") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ActionHeap heap{clock};
    heap.set(1, WallTime::max());
    CHECK_FALSE(heap.pop_due().has_value());
    heap.set(1, WallTime::min());
    CHECK(heap.pop_due() == 1U);
}

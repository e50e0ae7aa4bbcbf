#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("expiry: warned of daily below a fifth, an error every six hours below a tenth") {
    World world;
    world.ca.lifetime = days{100};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.ca.down = true;

    world.run_for(days{79});
    CHECK(world.log.count("cert_expiring") == 0);
    world.run_for(days{10} + 20h);
    CHECK(world.log.count("cert_expiring") == 10);
    CHECK(world.log.last("cert_expiring").level == LogLevel::warn);
    world.run_for(days{2});

    CHECK(world.log.last("cert_expiring").level == LogLevel::error);
    CHECK(world.log.last("cert_expiring").fields.at("names") == "a.example");
    CHECK(world.log.count("cert_expiring") == 10 + 8);

    world.ca.down = false;
    REQUIRE(world.run_until([&] { return world.ca.issued == 2; }, 10min));
    const std::size_t spoken = world.log.count("cert_expiring");
    world.run_for(days{30});
    CHECK(world.log.count("cert_expiring") == spoken);
}

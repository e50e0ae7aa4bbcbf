#include "control/expiry_watch.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

#include <algorithm>

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

TEST_CASE("expiry: spoken of while the store takes nothing and orders cannot begin") {
    World world;
    world.ca.lifetime = days{100};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.store.fault = Error{Errc::full, Origin::internal, "no space left"};

    world.run_for(days{92});

    CHECK(world.log.count("cert_expiring") >= 14);
    CHECK(world.log.last("cert_expiring").level == LogLevel::error);
}

TEST_CASE("expiry: a certificate that never got onto the disk is spoken of too") {
    World world;
    world.ca.lifetime = 10h;
    world.add({"a.example"});
    world.start();
    world.store.refuse = [](const store::Transition& transition) {
        const bool has_version =
            std::any_of(transition.begin(), transition.end(), [](const store::Change& change) {
                return std::holds_alternative<store::PutVersion>(change);
            });
        return has_version ? std::optional(Error{Errc::full, Origin::internal, "no space left"})
                           : std::nullopt;
    };

    world.run_for(9h + 30min);

    CHECK(world.live("a.example"));
    CHECK(world.log.last("cert_expiring").level == LogLevel::error);
}

TEST_CASE("expiry: of one that stands in while other names fail, before and after a restart") {
    World world;
    world.ca.lifetime = days{100};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.wanted.certificates.clear();
    world.add({"a.example", "b.example"});
    world.ca.fails_validation = [](const std::string& name) {
        acme::Problem problem;
        problem.type = "urn:ietf:params:acme:error:dns";
        return name == "b.example" ? std::optional(problem) : std::nullopt;
    };
    world.want();
    world.run_for(days{85});
    CHECK(world.log.last("cert_expiring").fields.at("names") == "a.example");
    const std::size_t spoken = world.log.count("cert_expiring");
    for (int i = 0; i < 50; ++i) world.want();
    CHECK(world.log.count("cert_expiring") == spoken);
    world.kill();
    world.start();
    world.run_for(days{6});
    CHECK(world.log.last("cert_expiring").level == LogLevel::error);

    world.ca.fails_validation = {};
    REQUIRE(world.run_until([&] { return world.ca.issued == 2; }, days{2}));
    world.run_for(1min);
    const std::size_t last = world.log.count("cert_expiring");
    world.run_for(days{20});
    CHECK(world.log.count("cert_expiring") == last);
}

TEST_CASE(
    "expiry: certificates from files are watched, and a reload does not repeat what was said") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ManualExecutor executor{clock};
    RecordingLog log;
    ExpiryWatch watch(executor, clock, log);
    const ExpiryWatch::Watched own{
        "ab01", "own.example", "/etc/own.crt", clock.now(), clock.now() + days{100}};
    watch.watch({own});

    executor.run_for(days{80} + 1h);
    CHECK(log.count("cert_expiring") == 1);
    for (int i = 0; i < 50; ++i) watch.watch({own});
    CHECK(log.count("cert_expiring") == 1);
    CHECK(log.last("cert_expiring").level == LogLevel::warn);
    CHECK(log.last("cert_expiring").fields.at("file") == "/etc/own.crt");
    executor.run_for(days{9} + 20h);
    CHECK(log.count("cert_expiring") == 10);
    executor.run_for(days{2});
    CHECK(log.last("cert_expiring").level == LogLevel::error);
    CHECK(log.count("cert_expiring") == 10 + 8);

    watch.watch({});
    executor.run_for(days{20});
    CHECK(log.count("cert_expiring") == 10 + 8);
}

TEST_CASE("expiry: of a certificate that lived for an hour no more is said than of others") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ManualExecutor executor{clock};
    RecordingLog log;
    ExpiryWatch watch(executor, clock, log);
    watch.watch({{"ab01", "own.example", "/etc/own.crt", clock.now() - 2h, clock.now() - 1h}});

    executor.run_for(days{1});

    CHECK(log.count("cert_expiring") >= 4);
    CHECK(log.count("cert_expiring") <= 5);
}

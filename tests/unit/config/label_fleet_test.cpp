// Many containers, and one that says very much: how long a reading of them takes.
#include "config/inventory.hpp"
#include "fleet.hpp"
#include "support/catch.hpp"
#include "work_time.hpp"

using namespace mesh;
using namespace mesh::config;
using namespace mesh::test;

namespace {

const std::string files =
    "entryPoints: { web: { address: \":443\" } }\n"
    "providers: { docker: {} }\n";

/// Of work, for some thousands of containers: with sanitizers too.
constexpr double soon = 40;

constexpr int fleet_size = 5'000;

std::string number(int i) {
    return std::to_string(i);
}

LabelPairs router_of(int i) {
    return {{"mesh.tcp.routers.r" + number(i) + ".rule", "HostSNI(`h" + number(i) + ".example`)"},
            {"mesh.tcp.routers.r" + number(i) + ".tls", "true"}};
}

template <class Make>
std::vector<LabelledUnit> fleet(Make make) {
    std::vector<LabelledUnit> units;
    for (int i = 0; i < fleet_size; ++i) units.push_back(make(i));
    return units;
}

}  // namespace

TEST_CASE("label fleet: a service of each container", "[config][large]") {
    const auto units = [](const LabelPairs& more) {
        return fleet([&](int i) {
            LabelPairs labels = router_of(i);
            if (i % 10 == 0) labels.insert(labels.end(), more.begin(), more.end());
            return container("c" + number(i), labels);
        });
    };
    Running mesh(files);
    const double began = cpu_seconds();
    CHECK(mesh.load(units({})).isolated.empty());
    CHECK(mesh.load(units({{"mesh.tcp.middlewares.m.inFlightConn.amount", "2"}}))
              .configuration->services.size() == fleet_size);
    // Nearly all of them anew, and a tenth wrong.
    CHECK(mesh.load(units({{"mesh.enable", "x"}})).configuration->routers.size() == fleet_size);
    CHECK(cpu_seconds() - began < soon);
}

TEST_CASE("label fleet: one service of all containers", "[config][large]") {
    const auto units = [](int generation, const std::string& port_of_most) {
        return fleet([&](int i) {
            const bool is_right = i % 100 == 0 || port_of_most.empty();
            LabelledUnit unit = container("g" + number(generation) + "-" + number(i),
                                          {{"mesh.tcp.services.pool.loadBalancer.server.port",
                                            is_right ? number(i + 1) : port_of_most + number(i)}});
            unit.name = "pool";
            return unit;
        });
    };
    const auto servers = [](const LoadResult& result) {
        return result.configuration->services.at("pool@docker").servers.size();
    };
    Running mesh(files);
    const double began = cpu_seconds();
    CHECK(servers(mesh.load(units(1, ""))) == fleet_size);
    CHECK(servers(mesh.load(units(1, "x"))) == fleet_size);
    CHECK(servers(mesh.load(units(2, ""))) == fleet_size);
    mesh.load(units(3, "x"));
    CHECK(cpu_seconds() - began < soon);
}

TEST_CASE("label fleet: one router of all containers", "[config][large]") {
    Running mesh(files);
    const double began = cpu_seconds();
    for (int turn = 0; turn < 2; ++turn) {
        const LoadResult& result = mesh.load(fleet([](int i) {
            LabelPairs labels = router_of(0);
            labels.emplace_back("mesh.tcp.routers.r0.service", "s@docker");
            labels.emplace_back("mesh.tcp.services.s.loadBalancer.server.port", number(i + 1));
            return container("c" + number(i), labels);
        }));
        CHECK(result.isolated.empty());
        CHECK(result.configuration->services.at("s@docker").servers.size() == fleet_size);
    }
    CHECK(cpu_seconds() - began < soon);
}

TEST_CASE("label fleet: a mistake of each container that is no object's", "[config][large]") {
    const auto units = [](const LabelPairs& more) {
        return fleet([&](int i) {
            LabelPairs labels = router_of(i);
            labels.insert(labels.end(), more.begin(), more.end());
            return container("c" + number(i), labels);
        });
    };
    Running mesh(files);
    mesh.load(units({}));
    const double began = cpu_seconds();
    CHECK(mesh.load(units({{"mesh.wrong", "1"}})).configuration->routers.size() == fleet_size);
    CHECK(cpu_seconds() - began < soon);
}

TEST_CASE("label fleet: ten thousand mistakes of one container", "[config][large]") {
    const auto labels = [](const std::string& option, const std::string& value) {
        LabelPairs all;
        for (int i = 0; i < 10'000; ++i)
            all.emplace_back("mesh.tcp.routers.r" + number(i) + option, value);
        return all;
    };
    LabelPairs in_doubt;
    for (int i = 0; i < 3'000; ++i) {
        const auto one = router_of(i);
        in_doubt.insert(in_doubt.end(), one.begin(), one.end());
        in_doubt.emplace_back("mesh.tcp.routers.r" + number(i) + ".x" + std::string(400, 'x'), "1");
    }
    LabelPairs nobodys;
    for (int i = 0; i < 10'000; ++i) nobodys.emplace_back("mesh.wrong" + number(i), "1");
    const LabelledUnit good = container("good", router_of(0));
    for (const LabelPairs& bad : {labels(".foo", "1"),
                                  labels(".rule", "Host("),
                                  labels(".rule.foo", "1"),
                                  labels("..rule", "1"),
                                  in_doubt,
                                  nobodys}) {
        INFO(bad.back().first.substr(0, 60));
        Running mesh(files);
        mesh.load({good, container("bad", router_of(1))});
        const double began = cpu_seconds();
        const LoadResult& result = mesh.load({good, container("bad", bad)});
        REQUIRE(result.configuration);
        CHECK_FALSE(result.configuration->routers.at("r0@docker").closed);
        CHECK(cpu_seconds() - began < 10);
        mesh.load({good, container("bad", bad)});
        CHECK(cpu_seconds() - began < 20);
    }
}

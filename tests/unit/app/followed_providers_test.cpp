// What a report of Docker or Consul is worth: another configuration, other servers, or nothing.
#include "app/followed_providers.hpp"

#include "support/catch.hpp"
#include "unit/control/support/manual_executor.hpp"

#include <map>

using namespace mesh;
using namespace mesh::app;
using namespace std::chrono_literals;

namespace {

config::InventoryPtr inventory(const std::string& provider,
                               const std::string& rule,
                               const std::vector<std::string>& hosts) {
    config::Inventory made{provider, {}, 0};
    config::LabelledUnit unit;
    unit.name = "web";
    unit.provider = provider;
    unit.labels = {{"mesh.tcp.routers.web.rule", rule, 0, 0}};
    unit.instances.emplace();
    for (const std::string& host : hosts) unit.instances->push_back({host, host, 80});
    made.units.push_back(std::move(unit));
    return std::make_shared<const config::Inventory>(std::move(made));
}

class FakeProvider final : public providers::Provider {
 public:
    explicit FakeProvider(int& alive) : alive_(alive) { ++alive_; }
    ~FakeProvider() override { --alive_; }
    FakeProvider(const FakeProvider&) = delete;
    FakeProvider& operator=(const FakeProvider&) = delete;
    [[nodiscard]] providers::ProviderState state() const override { return {}; }

 private:
    int& alive_;
};

/// Two daemons whose reports the test writes; a reading is applied when the test says so.
struct World {
    ManualClock clock{WallTime{std::chrono::hours{24 * 365 * 56}}};
    control::test::ManualExecutor executor{clock};
    int docker_alive = 0;
    int consul_alive = 0;
    providers::Report docker;
    providers::Report consul;
    int readings = 0;
    std::vector<config::InventoryPtr> servers_changed;
    FollowedProviders followed{
        executor,
        clock,
        {[this](const model::DockerProvider&, providers::Report report) {
             docker = std::move(report);
             return std::make_unique<FakeProvider>(docker_alive);
         },
         [this](const model::ConsulCatalogProvider&, providers::Report report) {
             consul = std::move(report);
             return std::make_unique<FakeProvider>(consul_alive);
         }},
        {[this] { ++readings; },
         [this](const config::InventoryPtr& changed) { servers_changed.push_back(changed); }}};

    World() { (void)followed.follow(with_docker()); }
    static model::Configuration with_docker() {
        model::Configuration configuration;
        configuration.docker.emplace();
        return configuration;
    }
    void apply() { followed.applied(followed.inventories()); }
};

}  // namespace

TEST_CASE("providers: the first report is read at once, the next after the throttle") {
    World world;
    world.docker(inventory("docker", "a", {"192.0.2.1"}));
    CHECK(world.readings == 1);
    world.apply();

    world.docker(inventory("docker", "b", {"192.0.2.1"}));
    world.docker(inventory("docker", "c", {"192.0.2.1"}));
    CHECK(world.readings == 1);
    world.executor.run_for(1'999ms);
    CHECK(world.readings == 1);
    world.executor.run_for(1ms);
    CHECK(world.readings == 2);
    CHECK(world.followed.inventories().front()->units.front().labels.front().value == "c");
    world.apply();
    world.executor.run_for(1min);
    CHECK(world.readings == 2);
}

TEST_CASE("providers: what is again as it was applied is not read") {
    World world;
    world.docker(inventory("docker", "a", {"192.0.2.1"}));
    world.apply();
    world.docker(inventory("docker", "b", {"192.0.2.1"}));
    world.docker(inventory("docker", "a", {"192.0.2.1"}));
    world.executor.run_for(1min);
    CHECK(world.readings == 1);
    CHECK_FALSE(world.followed.has_news());
}

TEST_CASE("providers: other servers alone are told at once, however often") {
    World world;
    world.docker(inventory("docker", "a", {"192.0.2.1"}));
    world.apply();
    for (int i = 2; i < 7; ++i)
        world.docker(inventory("docker", "a", {"192.0.2." + std::to_string(i)}));
    CHECK(world.servers_changed.size() == 5);
    CHECK(world.readings == 1);
}

TEST_CASE("providers: units of one name that cease to serve are read too, once per throttle") {
    const auto twins = [](bool first_serves) {
        config::Inventory made = *inventory("docker", "a", {"192.0.2.1"});
        made.units.push_back(inventory("docker", "b", {"192.0.2.2"})->units.front());
        if (!first_serves) made.units.front().instances->clear();
        return std::make_shared<const config::Inventory>(std::move(made));
    };
    World world;
    world.docker(twins(true));
    world.apply();
    world.docker(twins(false));
    world.docker(twins(true));
    world.docker(twins(false));
    CHECK(world.servers_changed.size() == 3);
    CHECK(world.readings == 1);
    world.executor.run_for(2s);
    CHECK(world.readings == 2);
    world.apply();
    world.executor.run_for(1min);
    CHECK(world.readings == 2);
}

TEST_CASE("providers: servers that changed during a reading are told after it") {
    World world;
    world.docker(inventory("docker", "a", {"192.0.2.1"}));
    const auto read = world.followed.inventories();
    world.docker(inventory("docker", "a", {"192.0.2.2"}));
    CHECK(world.servers_changed.empty());
    const auto freshest = world.followed.freshest(read);
    CHECK(freshest.front()->units.front().instances->front().host == "192.0.2.2");
    world.followed.applied(read);
    REQUIRE(world.servers_changed.size() == 1);
    CHECK(world.servers_changed.front() == freshest.front());
}

TEST_CASE("providers: units of one name that begin to serve during a reading are read after it") {
    const auto twins = [](bool first_serves) {
        config::Inventory made = *inventory("docker", "a", {"192.0.2.1"});
        made.units.push_back(inventory("docker", "b", {"192.0.2.2"})->units.front());
        if (!first_serves) made.units.front().instances->clear();
        return std::make_shared<const config::Inventory>(std::move(made));
    };
    World world;
    world.docker(twins(false));
    const auto read = world.followed.inventories();
    world.docker(twins(true));
    CHECK(world.followed.freshest(read) == read);
    world.followed.applied(read);
    CHECK(world.followed.has_news());
    world.executor.run_for(2s);
    CHECK(world.readings == 2);
}

TEST_CASE("providers: labels that changed during a reading are read after it") {
    World world;
    world.docker(inventory("docker", "a", {"192.0.2.1"}));
    const auto read = world.followed.inventories();
    world.docker(inventory("docker", "b", {"192.0.2.1"}));
    world.followed.applied(read);
    CHECK(world.followed.has_news());
    world.executor.run_for(2s);
    CHECK(world.readings == 2);
}

TEST_CASE("providers: a first report of nothing is no other configuration") {
    World world;
    world.docker(std::make_shared<const config::Inventory>(config::Inventory{"docker", {}, 3}));
    CHECK(world.readings == 0);
    CHECK(world.servers_changed.size() == 1);
    CHECK(world.followed.all_applied());
    world.docker(inventory("docker", "a", {}));
    CHECK(world.readings == 1);
    world.apply();
    // One that was something is nothing now: read, after the throttle.
    world.docker(std::make_shared<const config::Inventory>(config::Inventory{"docker", {}, 3}));
    world.executor.run_for(2s);
    CHECK(world.readings == 2);
}

TEST_CASE("providers: each has a throttle of its own") {
    World world;
    model::Configuration both = World::with_docker();
    both.consul_catalog.emplace();
    world.followed.follow(both);
    CHECK(world.docker_alive == 1);
    world.docker(inventory("docker", "a", {}));
    world.consul(inventory("consulcatalog", "a", {}));
    CHECK(world.readings == 2);
    CHECK_FALSE(world.followed.all_applied());
    world.apply();
    CHECK(world.followed.all_applied());
    CHECK(world.followed.inventories().size() == 2);
}

TEST_CASE("providers: other settings replace a provider, whose last report stays until the next") {
    World world;
    world.docker(inventory("docker", "a", {}));
    world.apply();
    model::Configuration other = World::with_docker();
    other.docker->network = "back";
    world.followed.follow(other);
    CHECK(world.docker_alive == 1);
    CHECK(world.followed.inventories().size() == 1);

    const auto read = world.followed.inventories();
    CHECK_FALSE(world.followed.follow({}));
    world.followed.applied(read);
    CHECK(world.docker_alive == 0);
    CHECK(world.followed.inventories().empty());
    CHECK(world.followed.all_applied());

    // Back again, it is as if it had never been there.
    CHECK(world.followed.follow(World::with_docker()));
    world.executor.run_for(1min);
    world.docker(inventory("docker", "a", {}));
    CHECK(world.readings == 2);
}

TEST_CASE("providers: a timer outlives nobody") {
    World world;
    {
        FollowedProviders short_lived(
            world.executor,
            world.clock,
            {[&](const model::DockerProvider&, providers::Report report) {
                 world.docker = std::move(report);
                 return std::make_unique<FakeProvider>(world.docker_alive);
             },
             {}},
            {[&] { ++world.readings; }, {}});
        short_lived.follow(World::with_docker());
        world.docker(inventory("docker", "a", {}));
        world.docker(inventory("docker", "b", {}));
        short_lived.applied(short_lived.inventories());
        world.docker(inventory("docker", "c", {}));
        CHECK(world.readings == 1);
    }
    world.executor.run_for(1min);
    CHECK(world.readings == 1);
}

#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("issue: a wanted certificate is ordered, validated, stored and served") {
    World world;
    world.add({"shop.example", "www.shop.example"});

    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const auto* served = world.publisher->find("shop.example");
    CHECK(served->entry->names.size() == 2);
    CHECK(served->entry->directory == directory);
    const auto stored = world.store.find("shop.example");
    REQUIRE(stored.has_value());
    CHECK(stored->version_id == served->entry->version);
    CHECK(stored->version->source == "acme");
    CHECK(stored->version->key_type == "EC256");
    CHECK_FALSE(world.store.order_of("shop.example").has_value());
    CHECK(world.ca.told_too_early.empty());
    CHECK(world.ca.wrong_csr.empty());
    CHECK(world.log.count("order_started") == 1);
    CHECK(world.log.last("cert_live").fields.at("names") == "shop.example, www.shop.example");
}

TEST_CASE("issue: the main name comes first in the order") {
    World world;
    world.add({"z.example", "a.example"});
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(world.ca.placed == std::vector<std::string>{"z.example"});
}

TEST_CASE("issue: challenges are gone when the order is over") {
    World world;
    world.add({"a.example", "b.example", "c.example"});
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(world.publisher->challenges_max == 3);
    CHECK(world.publisher->challenges.empty());
}

TEST_CASE("issue: no request reaches the CA while nothing is due") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.kill();
    const auto before = world.ca.asked;

    world.start();
    world.run_for(days{10});

    CHECK(world.ca.asked == before);
    CHECK(world.live("a.example"));
}

TEST_CASE("issue: one account for all, its key made once") {
    World world;
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 5min));
    world.kill();
    world.add({"later.example"});
    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 5min));

    CHECK(world.ca.account_keys.size() == 1);
    CHECK(world.ca.asked.at(Step::account) == 1);
    CHECK(world.store.accounts().value().at(0).email == "admin@example.com");
    CHECK(world.log.last("account_ready").fields.at("terms") == "https://ca.test/terms");
}

TEST_CASE("issue: fifty orders whose CA asks for three seconds of patience are live in 15") {
    World world;
    world.ca.retry_after = 3s;
    world.ca.polls_until_issued = 1;
    world.ca.latency = 20ms;
    for (int i = 0; i < 50; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        world.add({name, "www." + name, "api." + name});
    }
    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 15s));
    CHECK(world.ca.in_flight_max <= 8);
    CHECK(world.ca.orders_made == 50);
}

TEST_CASE("issue: an order that waits for the CA keeps no other from being made") {
    World world;
    world.ca.refuse = [&](Step, const std::vector<std::string>&) {
        return std::optional<acme::Failure>{};
    };
    world.ca.polls_until_valid = 1'000'000;
    for (int i = 0; i < 9; ++i) world.add({"slow" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] == 9; }, 1min));

    world.ca.polls_until_valid = 0;
    world.add({"quick.example"});
    world.want();

    CHECK(world.run_until([&] { return world.live("quick.example"); }, 20s));
}

TEST_CASE("issue: at most so many orders are open at once") {
    World world;
    world.open_orders_max = 10;
    world.ca.polls_until_valid = 3;
    for (int i = 0; i < 60; ++i) world.add({"n" + std::to_string(i) + ".example"});
    std::size_t most = 0;
    world.store.applied = [&](const store::Transition&) {
        most = std::max(most, world.store.orders().value().size());
    };

    world.start();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 1h));
    CHECK(most == 10);
}

TEST_CASE("issue: RSA keys are made beside the loop and end in the certificate") {
    World world;
    world.add({"rsa.example"}).key_type = model::KeyType::rsa2048;
    world.start();

    // The key comes from another thread, in real time: in small steps, so that the order, which
    // lives for a week, does not end before.
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!world.all_live() && std::chrono::steady_clock::now() < deadline) world.run_for(10ms);

    REQUIRE(world.all_live());
    CHECK(world.store.find("rsa.example")->version->key_type == "RSA2048");
}

TEST_CASE("issue: two orders that share a name validate it one after the other") {
    World world;
    model::CertResolver other = world.resolvers.at("le");
    other.name = "other";
    other.ca_server = "https://other.test/dir";
    world.resolvers["other"] = other;
    world.add({"shared.example", "a.example"});
    world.add({"b.example", "shared.example"}, other.ca_server).resolver = "other";
    world.start();

    REQUIRE(
        world.run_until([&] { return world.live("a.example") && world.live("b.example"); }, 1min));

    CHECK(world.log.count("order_failed") == 0);
    CHECK(world.clients_made == 2);
}

TEST_CASE("issue: stop withdraws every challenge and sends nothing more") {
    World world;
    world.ca.polls_until_valid = 1'000'000;
    world.add({"a.example", "b.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] == 2; }, 1min));
    REQUIRE(world.publisher->challenges.size() == 2);

    world.reconciler->stop();

    CHECK(world.publisher->challenges.empty());
    const auto before = world.ca.asked;
    world.run_for(1h);
    CHECK(world.ca.asked == before);
}

TEST_CASE("issue: what is stored of the key is its own type, not what is wanted by then") {
    World world;
    world.ca.lifetime = days{6};
    world.ca.polls_until_issued = 3;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.finalized == 1; }, 30s));
    world.wanted.certificates[0].key_type = model::KeyType::ec384;
    world.want();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));

    CHECK(world.store.find("a.example")->version->key_type == "EC256");

    world.kill();
    world.start();
    CHECK(world.run_until(
        [&] { return world.store.find("a.example")->version->key_type == "EC384"; }, days{6}));
}

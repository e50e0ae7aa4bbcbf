// What changes when the configuration does.
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

TEST_CASE("want: said fifty times a minute, it disturbs no order") {
    World world;
    world.ca.polls_until_valid = 4;
    world.ca.retry_after = 5s;
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();

    for (int i = 0; i < 50; ++i) {
        world.run_for(1200ms);
        if (i % 2 == 0) world.wanted.certificates[3].routers.push_back("another");
        world.want();
    }

    REQUIRE(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.ca.orders_made == 20);
    CHECK(world.clients_made == 1);
    CHECK(world.log.count("order_started") == 20);
    CHECK(world.log.count("order_failed") == 0);
}

TEST_CASE("want: a change elsewhere does not end a back-off") {
    World world;
    world.add({"bad.example"});
    world.ca.refuse = [](Step step, const std::vector<std::string>&) {
        std::optional<acme::Failure> failure;
        if (step == Step::place) failure = a_failure(acme::FailureClass::name, "caa", "no");
        return failure;
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 3; }, 1h));

    for (int i = 0; i < 10; ++i) {
        world.add({"n" + std::to_string(i) + ".example"});
        world.wanted.certificates.pop_back();
        world.want();
        world.run_for(1min);
    }

    CHECK(world.log.count("order_failed") == 3);
}

TEST_CASE("want: other names are another certificate; the old one serves until it is there") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const auto old = world.publisher->find("a.example")->entry->id;

    world.wanted.certificates.clear();
    world.add({"a.example", "b.example"});
    world.want();
    CHECK(world.publisher->find("a.example")->entry->id == old);
    REQUIRE(world.run_until([&] { return world.live("b.example"); }, 30s));

    CHECK(world.publisher->served.size() == 2);
    CHECK(world.publisher->served.contains(old));
    CHECK(world.log.count("order_started") == 2);
}

TEST_CASE("want: another CA is asked at once") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    world.wanted.certificates.clear();
    world.add({"a.example"}, "https://other.test/dir");
    world.resolvers.at("le").ca_server = "https://other.test/dir";
    world.want();

    REQUIRE(world.run_until([&] { return world.publisher->served.size() == 2; }, 30s));
    CHECK(world.cas.at("https://other.test/dir")->orders_made == 1);
    CHECK(world.ca.orders_made == 1);
    CHECK(world.cas.at("https://other.test/dir")->account_keys != world.ca.account_keys);
}

TEST_CASE("want: what no router wants is not renewed and goes 30 days after it expired") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const WallTime ends = world.store.find("a.example")->version->not_after;
    world.run_for(days{10});
    world.wanted.certificates.erase(world.wanted.certificates.begin());
    world.want();
    world.run_for(days{1});
    CHECK(world.store.find("a.example")->record.unwanted_since.has_value());

    // A restart in between changes nothing.
    world.kill();
    world.start();
    world.run_for(ends + days{30} - world.clock.now() - 1h);
    CHECK(world.store.find("a.example").has_value());
    CHECK(world.publisher->find("a.example") != nullptr);
    world.run_for(3h);

    CHECK_FALSE(world.store.find("a.example").has_value());
    CHECK(world.publisher->find("a.example") == nullptr);
    CHECK(world.live("b.example"));
    CHECK(world.ca.placed[0] == "a.example");
    CHECK(std::count(world.ca.placed.begin(), world.ca.placed.end(), "a.example") == 1);
    CHECK(world.log.count("cert_expiring") == 0);
}

TEST_CASE("want: a date that is wrong for a while deletes nothing") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.wanted.certificates.clear();
    world.want();
    const WallTime real = world.clock.now();

    world.clock.set_wall(real + days{3650});
    world.run_for(30min);
    world.clock.set_wall(real + 30min);
    world.run_for(days{2});

    CHECK(world.store.find("a.example").has_value());
}

TEST_CASE("want: wanted again before that, it is used again") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const auto wanted = world.wanted;
    world.wanted.certificates.clear();
    world.want();
    world.run_for(days{20});

    world.wanted = wanted;
    world.want();
    world.run_for(1h);

    CHECK(world.ca.orders_made == 1);
    CHECK_FALSE(world.store.find("a.example")->record.unwanted_since.has_value());
    world.run_for(days{50});
    CHECK(world.ca.orders_made == 2);
}

TEST_CASE("want: an order for names that are gone is left alone, and goes on if they come back") {
    World world;
    world.ca.polls_until_valid = 1'000;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] == 1; }, 10s));
    const auto wanted = world.wanted;
    world.wanted.certificates.clear();
    world.want();
    CHECK(world.publisher->challenges.empty());
    const auto asked = world.ca.asked;
    world.run_for(1h);
    CHECK(world.ca.asked == asked);

    world.ca.polls_until_valid = 0;
    world.wanted = wanted;
    world.want();

    CHECK(world.run_until([&] { return world.all_live(); }, 30s));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("want: a certificate from an import is used, and renewed when its time comes") {
    World world;
    store::CertificateRecord record;
    record.key = {directory, {"a.example"}};
    record.ordered_names = {"a.example"};
    Issuer issuer;
    const auto pair = issuer.issue_pair(
        {{"a.example"}, world.clock.now() - days{30}, world.clock.now() + days{60}, false});
    auto version = a_version(world.clock.now() - days{30}, days{90});
    version.source = "import";
    world.store.apply(
        {store::PutCertificate{record},
         store::PutVersion{record.key, pair.chain_pem, Secret{pair.key_pem}, version}},
        world.executor,
        [](auto) {});
    world.add({"a.example"});
    world.start();
    world.run_for(days{25});
    CHECK(world.ca.orders_made == 0);

    world.run_for(days{10});

    CHECK(world.ca.orders_made == 1);
    CHECK(world.store.find("a.example")->version->source == "acme");
}

TEST_CASE("want: many unwanted rows are marked in few commits") {
    World world;
    store::Transition rows;
    for (int i = 0; i < 5'000; ++i) {
        store::CertificateRecord record;
        record.key = {directory, {"n" + std::to_string(i) + ".example"}};
        rows.push_back(store::PutCertificate{record});
    }
    world.store.apply(rows, world.executor, [](auto) {});

    world.start();
    world.run_for(1min);

    CHECK(world.store.transitions <= 12);
    CHECK(world.store.find("n4999.example")->record.unwanted_since.has_value());
}

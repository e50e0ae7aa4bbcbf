#include "support/catch.hpp"
#include "unit/providers/consul_scene.hpp"

using namespace mesh;
using namespace std::chrono_literals;
using test::consul_answer;
using test::ConsulScene;
using test::label_tags;

TEST_CASE("nothing is reported by the function that makes a provider") {
    ConsulScene scene;
    scene.begin();
    CHECK(scene.reports.empty());
    CHECK(scene.consul.sent().empty());
    CHECK(!scene.provider->state().reachable);
    scene.run(0ms);
    REQUIRE(scene.reports.size() == 1);
    CHECK(scene.reports.front()->units.empty());
    CHECK(scene.reports.front()->provider == "consulcatalog");
    CHECK(scene.provider->state().reachable);
}

TEST_CASE("the first inventory waits until every service of interest was read") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.consul.put("db", label_tags, {{"1"}, {"2"}});
    scene.consul.put("other", {"blue"}, {{"1"}});
    scene.consul.script("service/db", std::nullopt);
    scene.begin();
    scene.run(4s);
    CHECK(scene.reports.empty());
    scene.consul.unscript();
    scene.consul.put("db", label_tags, {{"1"}, {"2"}});
    scene.run(0ms);
    REQUIRE(scene.reports.size() == 1);
    CHECK(scene.unit("web") == "web: 1 on n1");
    CHECK(scene.unit("db") == "db: 1 on n1 2 on n1");
    CHECK(scene.provider->state().units == 2);
    CHECK(scene.reports.back()->left_out == 1);
    CHECK(scene.consul.count("service/other") == 0);
}

TEST_CASE("a service that wakes is read alone, and its critical instance leaves at once") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}, {"2"}});
    scene.consul.put("db", label_tags, {{"1"}});
    scene.begin();
    scene.run(10s);
    const std::size_t before = scene.consul.sent().size();
    const SteadyTime changed = scene.clock.steady_now();
    scene.consul.put("web", label_tags, {{"1", "critical"}, {"2"}});
    scene.run(1s);
    CHECK(scene.unit("web") == "web: 2 on n1");
    CHECK(scene.last_report - changed < 1ms);
    CHECK(scene.consul.sent().size() == before + 1);
    CHECK_THAT(scene.consul.sent().back().url, ContainsSubstring("service/web?index="));

    scene.consul.put("web", label_tags, {{"1", "critical"}, {"2", "critical"}});
    scene.run(1s);
    CHECK(scene.unit("web") == "web:");
}

TEST_CASE("a flapping service costs a few requests a second, and is as well as it says in 300 ms") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(10s);
    const std::size_t requests = scene.consul.sent().size();
    const std::size_t reports = scene.reports.size();
    for (int i = 0; i < 5'000; ++i) {
        scene.consul.put("web", label_tags, {{"1", i % 2 == 0 ? "critical" : "passing"}});
        scene.run(2ms);
    }
    CHECK(scene.consul.sent().size() - requests <= 60);
    CHECK(scene.reports.size() - reports <= 60);
    CHECK(scene.consul.sent().size() - requests >= 30);
    scene.consul.put("web", label_tags, {{"1"}});
    scene.run(300ms);
    CHECK(scene.unit("web") == "web: 1 on n1");
    CHECK(scene.log.count("provider_not_blocking") == 0);

    scene.run(2s);
    const SteadyTime changed = scene.clock.steady_now();
    scene.consul.put("web", label_tags, {{"1", "critical"}});
    scene.run(300ms);
    CHECK(scene.unit("web") == "web:");
    CHECK(scene.last_report - changed < 1ms);
}

TEST_CASE(
    "an agent that knows no blocking queries is asked from time to time, and is told of once") {
    ConsulScene scene;
    for (int i = 0; i < 50; ++i) scene.consul.put("web" + std::to_string(i), label_tags, {{"1"}});
    scene.consul.blocks = false;
    SECTION("with an index that does not move") {}
    SECTION("with one that goes to and fro") {
        scene.consul.index_shakes = true;
    }
    scene.begin();
    scene.run(1min);
    CHECK(scene.log.count("WARN provider_not_blocking") == 1);
    const std::size_t before = scene.consul.sent().size();
    scene.run(10s);
    CHECK(scene.consul.sent().size() - before <= 5 * 51 + 51);
    scene.consul.put("web7", label_tags, {{"2"}});
    scene.run(2s);
    CHECK(scene.unit("web7") == "web7: 2 on n1");
}

TEST_CASE("all services together cost two hundred requests a second") {
    ConsulScene scene;
    const auto put_all = [&](const std::string& status) {
        for (int i = 0; i < 160; ++i)
            scene.consul.put("web" + std::to_string(i), label_tags, {{"1", status}});
    };
    put_all("passing");
    scene.begin();
    scene.run(10s);
    const std::size_t before = scene.consul.sent().size();
    for (int i = 0; i < 200; ++i) {
        put_all(i % 2 == 0 ? "critical" : "passing");
        scene.run(50ms);
    }
    CHECK(scene.consul.sent().size() - before <= 10 * 200 + 220);
    CHECK(scene.consul.sent().size() - before >= 10 * 150);
    put_all("critical");
    scene.run(1200ms);
    CHECK(scene.unit("web7") == "web7:");
}

TEST_CASE("what is as before is not reported") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(10s);
    scene.consul.put("web", label_tags, {{"1"}});
    scene.consul.put("other", {"blue"}, {{"1"}});
    scene.run(10s);
    CHECK(scene.reports.size() == 1);
}

TEST_CASE("a service that comes is asked for, one that goes is asked for no more") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    scene.consul.put("db", label_tags, {{"1"}});
    scene.run(1s);
    CHECK(scene.unit("db") == "db: 1 on n1");
    CHECK(scene.consul.open("service/") == 2);
    scene.consul.remove("web");
    scene.run(2s);
    CHECK(scene.unit("web").empty());
    CHECK(scene.consul.open("service/web") == 0);
    CHECK(scene.consul.open("service/db") == 1);
}

TEST_CASE("a service that went and came back between two answers is not lost") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    scene.consul.script("catalog", std::nullopt);
    scene.consul.remove("web");
    scene.run(10ms);
    CHECK(scene.unit("web").empty());
    scene.consul.put("web", label_tags, {{"2"}});
    scene.run(2s);
    CHECK(scene.unit("web") == "web: 2 on n1");
}

TEST_CASE("while the agent is away what it said stays, and one probe asks for it") {
    ConsulScene scene;
    for (int i = 0; i < 50; ++i) scene.consul.put("web" + std::to_string(i), label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    const std::size_t before = scene.consul.sent().size();
    scene.consul.stop();
    scene.run(60s);
    CHECK(!scene.provider->state().reachable);
    CHECK_THAT(scene.provider->state().reason, ContainsSubstring("refuses connections"));
    CHECK(scene.consul.sent().size() - before < 65);
    CHECK(scene.log.count("provider_down") == 1);
    CHECK(scene.log.count("provider_service_unread") == 0);
    CHECK(scene.reports.size() == 1);
    const std::size_t later = scene.consul.sent().size();
    scene.run(5min);
    CHECK(scene.consul.sent().size() - later <= 20);

    scene.consul.start();
    scene.run(15s);
    CHECK(scene.provider->state().reachable);
    CHECK(scene.log.count("provider_up") == 2);
    CHECK(scene.reports.size() == 1);
    CHECK(scene.consul.open("service/") == 50);
    scene.consul.put("web7", label_tags, {{"2"}});
    scene.run(100ms);
    CHECK(scene.unit("web7") == "web7: 2 on n1");
}

TEST_CASE("an agent that is away at the start is found when it comes") {
    ConsulScene scene;
    scene.consul.stop();
    scene.begin();
    scene.run(5min);
    CHECK(scene.reports.empty());
    CHECK(scene.log.count("provider_down") == 1);
    CHECK(scene.consul.sent().size() < 40);
    scene.consul.put("web", label_tags, {{"1"}});
    scene.consul.start();
    scene.run(16s);
    CHECK(scene.unit("web") == "web: 1 on n1");
}

TEST_CASE("servers that lost their state are read from the beginning") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    scene.consul.stop();
    scene.run(1s);
    scene.consul.lose_state();
    scene.consul.start();
    scene.run(20s);
    CHECK(scene.unit("web").empty());
    scene.consul.put("web", label_tags, {{"9"}});
    scene.run(1s);
    CHECK(scene.unit("web") == "web: 9 on n1");
}

TEST_CASE("a service that cannot be read holds up nobody for long") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.consul.put("bad", label_tags, {{"1"}});
    scene.consul.script("service/bad", consul_answer(500, "rpc error"));
    scene.begin();
    scene.run(5s);
    CHECK(scene.unit("web") == "web: 1 on n1");
    CHECK(scene.unit("bad").empty());
    scene.run(5min);
    CHECK(scene.consul.count("service/bad") < 40);
    CHECK(scene.log.count("provider_service_unread") == 1);
    CHECK(scene.log.count("provider_down") == 0);
    CHECK(scene.consul.count("service/web") == 2);
    scene.consul.unscript();
    scene.run(16s);
    CHECK(scene.unit("bad") == "bad: 1 on n1");

    SECTION("its last instances stay when it fails later") {
        scene.consul.script("service/bad", consul_answer(200, "{}"));
        scene.run(60s);
        CHECK(scene.unit("bad") == "bad: 1 on n1");
        CHECK(scene.log.count("provider_service_unread") == 2);
    }
}

TEST_CASE("not found is not empty: a service that is listed keeps its instances") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    scene.consul.script("service/web", consul_answer(404, "no such route"));
    scene.run(1min);
    CHECK(scene.unit("web") == "web: 1 on n1");
    CHECK(scene.log.count("provider_service_unread") == 1);
    CHECK(scene.log.count("Consul answered 404: no such route") == 1);
    scene.consul.unscript();
    scene.consul.put("web", label_tags, {{"2"}});
    scene.run(16s);
    CHECK(scene.unit("web") == "web: 2 on n1");
}

TEST_CASE("blocking queries that are refused while plain ones pass are no absence of the agent") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.consul.refuse_blocking = true;
    scene.begin();
    scene.run(1min);
    CHECK(scene.log.count("provider_down") == 0);
    CHECK(scene.log.count("provider_service_unread") == 0);
    CHECK(scene.provider->state().reachable);
    const std::size_t before = scene.consul.sent().size();
    scene.run(1min);
    CHECK(scene.consul.sent().size() - before <= 20);
    scene.consul.put("web", label_tags, {{"2"}});
    scene.run(16s);
    CHECK(scene.unit("web") == "web: 2 on n1");
}

TEST_CASE("a service whose answer hangs at the start holds up the others for ten seconds") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.consul.put("db", label_tags, {{"1"}});
    scene.consul.script("service/db", std::nullopt);
    scene.begin();
    scene.run(9s);
    CHECK(scene.reports.empty());
    scene.run(1100ms);
    REQUIRE(scene.reports.size() == 1);
    CHECK(scene.unit("web") == "web: 1 on n1");
    scene.consul.unscript();
    scene.consul.put("db", label_tags, {{"1"}});
    scene.run(1s);
    CHECK(scene.unit("db") == "db: 1 on n1");
}

TEST_CASE("a token goes into the header and nowhere else") {
    ConsulScene scene;
    scene.settings.token = Secret("5ecret");
    scene.settings.datacenter = "dc2";
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    for (const http::Request& request : scene.consul.sent()) {
        REQUIRE(request.headers.size() == 1);
        CHECK(request.headers.front().second == "5ecret");
        CHECK(request.url.find("5ecret") == std::string::npos);
        CHECK_THAT(request.url, ContainsSubstring("dc=dc2"));
    }
    scene.consul.script("catalog", consul_answer(403, "ACL 5ecret not found"));
    scene.run(1min);
    CHECK(scene.provider->state().reason ==
          "Permission denied; the token needs service:read and node:read");
    CHECK(scene.log.count("error=Permission denied; the token needs") == 1);
    scene.consul.unscript();
    scene.run(1min);
    scene.consul.script("catalog", consul_answer(500, "no 5ecret"));
    scene.consul.script("service", consul_answer(500, "no 5ecret"));
    scene.run(1min);
    CHECK(scene.log.count("5ecret") == 0);
    CHECK(scene.unit("web") == "web: 1 on n1");
}

TEST_CASE("an agent that gives no index is not asked all the time") {
    ConsulScene scene;
    scene.consul.with_index = false;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(5min);
    CHECK(scene.consul.sent().size() <= 44);
    CHECK(scene.unit("web") == "web: 1 on n1");
}

TEST_CASE("without watch the catalogue is read every refreshInterval") {
    ConsulScene scene;
    scene.settings.watch = false;
    scene.settings.refresh_interval = 15s;
    scene.consul.put("web", label_tags, {{"1"}});
    scene.begin();
    scene.run(1s);
    CHECK(scene.unit("web") == "web: 1 on n1");
    scene.run(58s);
    CHECK(scene.consul.count("catalog") == 4);
    CHECK(scene.consul.count("service/web") == 4);
    CHECK(scene.consul.count("index=") == 0);
    CHECK(scene.consul.count("state") == 0);
    scene.consul.put("web", label_tags, {{"1", "critical"}});
    scene.run(15s);
    CHECK(scene.unit("web") == "web:");
}

TEST_CASE("after its end nothing is asked, answered or reported") {
    ConsulScene scene;
    scene.consul.put("web", label_tags, {{"1"}});
    SECTION("before it began") {
        scene.begin();
        scene.provider.reset();
    }
    SECTION("with queries open and a pause under way") {
        scene.begin();
        scene.run(1s);
        scene.consul.put("web", label_tags, {{"2"}});
        scene.run(1ms);
        scene.provider.reset();
        CHECK(scene.consul.open() == 0);
    }
    SECTION("with an answer on its way") {
        scene.begin();
        scene.run(1s);
        scene.consul.put("web", label_tags, {{"2"}});
        scene.provider.reset();
    }
    const std::size_t reports = scene.reports.size();
    const std::size_t sent = scene.consul.sent().size();
    scene.run(10min);
    CHECK(scene.reports.size() == reports);
    CHECK(scene.consul.sent().size() == sent);
    CHECK(scene.consul.open() == 0);
}

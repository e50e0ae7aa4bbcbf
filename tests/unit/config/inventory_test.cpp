// What a running mesh makes of containers and services: objects, servers, and what is at fault.
#include "config/inventory.hpp"

#include "config/codes.hpp"
#include "config/pool.hpp"
#include "fleet.hpp"
#include "support/catch.hpp"

using namespace mesh;
using namespace mesh::config;
using namespace mesh::test;
using Catch::Matchers::StartsWith;

namespace {

const std::string docker_only =
    "entryPoints: { web: { address: \":443\" }, other: { address: \":8443\" } }\n"
    "providers: { docker: {} }\n";

const std::string on = "mesh.tcp.routers.";

LabelPairs router(const std::string& name, const std::string& rule, const LabelPairs& more = {}) {
    LabelPairs labels = {{on + name + ".rule", rule},
                         {on + name + ".tls", "true"},
                         {on + name + ".entryPoints", "web"}};
    labels.insert(labels.end(), more.begin(), more.end());
    return labels;
}

const LabelPairs shop = router("shop", "HostSNI(`shop.example`)");
const std::string shop_objects =
    "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
    "service web@docker: 10.0.0.1:80\n";

Instance at(const std::string& host, std::optional<std::uint16_t> port) {
    return {host, host, port, {}};
}

}  // namespace

TEST_CASE("inventory: containers define routers and are their servers", "[config][inventory]") {
    Running mesh(docker_only);
    const LoadResult& result =
        mesh.load({container("web", shop, {at("10.0.0.1", 80), at("10.0.0.2", 81)})});
    INFO(all_findings(result));
    CHECK(labelled_objects(result) ==
          "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
          "service web@docker: 10.0.0.1:80 10.0.0.2:81\n");
    CHECK(result.isolated.empty());
    CHECK(result.warnings == 0);
    const model::Service& service = result.configuration->services.at("web@docker");
    REQUIRE(service.sources.size() == 1);
    CHECK(service.sources[0].unit == 0);
    CHECK_FALSE(service.sources[0].port);
    CHECK(*service.sources[0].at.file == "container web");
}

TEST_CASE("inventory: it counts only where its provider has a section", "[config][inventory]") {
    Running mesh("entryPoints: { web: { address: \":443\" } }\nproviders: { consulCatalog: {} }\n");
    CHECK(labelled_objects(mesh.load({container("web", shop)})) == "");
    mesh.with(
        "entryPoints: { web: { address: \":443\" } }\n"
        "providers: { docker: { prefix: [other, MESH] } }\n");
    CHECK(labelled_objects(mesh.load({container("web", shop)})) == shop_objects);
    mesh.with(
        "entryPoints: { web: { address: \":443\" } }\n"
        "providers: { docker: { prefix: other } }\n");
    CHECK(labelled_objects(mesh.load({container("web", shop)})) == "");
    CHECK(mesh.load({container("web", shop)}).findings.empty());
}

TEST_CASE("inventory: the port that labels name comes first, where it is published",
          "[config][inventory]") {
    Instance published = at("10.0.0.1", 80);
    published.published[8080] = {"127.0.0.1", 32768};
    published.published[80] = {"127.0.0.1", 32769};
    const LabelPairs port = {{"mesh.tcp.services.web.loadBalancer.server.port", "8080"}};
    Running mesh(docker_only);
    CHECK(labelled_objects(mesh.load({container("web", port, {published})})) ==
          "service web@docker: 127.0.0.1:32768\n");
    CHECK(labelled_objects(mesh.load({container("web", port, {at("fd00::1", 80)})})) ==
          "service web@docker: [fd00::1]:8080\n");
    CHECK(labelled_objects(mesh.load({container("web", shop, {published})})) ==
          "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
          "service web@docker: 127.0.0.1:32769\n");
}

TEST_CASE("inventory: no instances is a service without servers", "[config][inventory]") {
    Running mesh(docker_only);
    const LoadResult& result = mesh.load({container("web", shop, {})});
    CHECK(labelled_objects(result) ==
          "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
          "service web@docker:\n");
    CHECK(result.warnings == 0);
}

TEST_CASE("inventory: an instance that is no server is left out, and told of",
          "[config][inventory]") {
    Running mesh(docker_only);
    const LoadResult& some =
        mesh.load({container("web", shop, {at("10.0.0.1", {}), at("", 80), at("10.0.0.3", 80)})});
    CHECK_THAT(labelled_objects(some), ContainsSubstring("service web@docker: 10.0.0.3:80\n"));
    CHECK_THAT(all_findings(some),
               ContainsSubstring("container web: warning: \"10.0.0.1\" exposes no port: it is no "
                                 "server of \"web\" (mesh.tcp.routers.shop); name the port with "
                                 "mesh.tcp.services.web.loadBalancer.server.port=NUMBER"));
    CHECK_THAT(all_findings(some), ContainsSubstring("\"\" has no usable address"));
    CHECK(some.isolated.empty());
}

TEST_CASE("inventory: without any server the pool is empty, until instances alone mend it",
          "[config][inventory]") {
    for (const Instance& unusable : {at("10.0.0.1", {}), at("", 80)}) {
        Running mesh(docker_only);
        const LoadResult& none = mesh.load({container("web", shop, {unusable})});
        CHECK(labelled_objects(none) ==
              "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
              "service web@docker:\n");
        CHECK(none.isolated.empty());
        CHECK(none.warnings == 1);
        const InventoryPtr later = inventory({container("web", shop)});
        const auto servers = servers_of(none.configuration->services.at("web@docker"), *later);
        REQUIRE(servers.size() == 1);
        CHECK(servers.front().text() == "10.0.0.1:80");
    }
    // One of two, in labels of their own: it has its place in the pool.
    const std::string port = "mesh.tcp.services.pool.loadBalancer.server.port";
    const auto pool = [&](std::vector<Instance> of_b) {
        return inventory({container("a", {{port, "1"}}), container("b", {{port, "2"}}, of_b)});
    };
    Running mesh(docker_only);
    const LoadResult& half = mesh.load({pool({at("", {})})});
    CHECK(labelled_objects(half) == "service pool@docker: 10.0.0.1:1\n");
    CHECK(half.isolated.empty());
    const model::Service service = half.configuration->services.at("pool@docker");
    CHECK(servers_of(service, *pool({at("10.0.0.2", {})})).size() == 2);
}

TEST_CASE("inventory: each container weighs what its labels say", "[config][inventory]") {
    const std::string server = "mesh.tcp.services.pool.loadBalancer.server.";
    Running mesh(docker_only);
    const LoadResult& result =
        mesh.load({container("a", {{server + "port", "80"}, {server + "weight", "3"}}),
                   container("b", {{server + "port", "80"}})});
    INFO(all_findings(result));
    REQUIRE(result.configuration);
    const model::Service& pool = result.configuration->services.at("pool@docker");
    REQUIRE(pool.servers.size() == 2);
    CHECK(pool.servers[0].weight == 3);
    CHECK(pool.servers[1].weight == 1);
    CHECK(pool.sources[0].weight == 3);
    CHECK(pool.strategy == model::Strategy::wrr);
}

TEST_CASE("inventory: containers of one service agree on its strategy and PROXY header",
          "[config][inventory]") {
    const std::string balancer = "mesh.tcp.services.pool.loadBalancer.";
    const LabelPairs counting = {{balancer + "server.port", "80"},
                                 {balancer + "strategy", "leastconn"}};
    Running mesh(docker_only);
    const LoadResult& agreed = mesh.load({container("a", counting), container("b", counting)});
    INFO(all_findings(agreed));
    REQUIRE(agreed.configuration);
    CHECK(agreed.configuration->services.at("pool@docker").strategy == model::Strategy::least_conn);
    Running another(docker_only);
    const LoadResult& torn = another.load(
        {container("a", counting), container("b", {{balancer + "server.port", "80"}})});
    CHECK(all_findings(torn).find("differently") != std::string::npos);
    for (const bool both : {true, false}) {
        LabelPairs announced = {{balancer + "server.port", "80"},
                                {balancer + "proxyProtocol.version", "2"}};
        LabelPairs other = announced;
        other.back().second = both ? "2" : "1";
        Running third(docker_only);
        const LoadResult& told =
            third.load({container("a", announced), container("b", std::move(other))});
        CHECK((all_findings(told).find("differently") == std::string::npos) == both);
    }
}

TEST_CASE("inventory: servers of the moment are what reading anew gives", "[config][inventory]") {
    const LabelPairs port = {{"mesh.tcp.services.pool.loadBalancer.server.port", "8080"}};
    const LabelPairs own = {{"mesh.tcp.services.pool.loadBalancer", "true"}};
    Instance published = at("10.0.0.9", 80);
    published.published[8080] = {"192.0.2.1", 1};
    const std::vector<std::vector<Instance>> states = {
        {},
        {at("10.0.0.1", 80)},
        {at("", 80), at("10.0.0.2", 1)},
        {at("db.internal", 5432), published, at("fd00::1", 2)},
        {at("not a host", 5432), at("10.0.0.4", 3)}};
    Running mesh(docker_only);
    const LoadResult first = mesh.load({container("a", port), container("b", own)});
    REQUIRE(first.configuration);
    const model::Service service = first.configuration->services.at("pool@docker");
    CHECK(service.sources.size() == 2);
    for (const auto& of_a : states)
        for (const auto& of_b : states) {
            const InventoryPtr now =
                inventory({container("a", port, of_a), container("b", own, of_b)});
            const LoadResult& anew = mesh.load({now});
            REQUIRE(anew.configuration);
            CHECK(anew.isolated.empty());
            std::string expected;
            std::string fast;
            for (const auto& one : anew.configuration->services.at("pool@docker").servers)
                expected += one.text() + ' ';
            for (const auto& one : servers_of(service, *now)) fast += one.text() + ' ';
            CHECK(fast == expected);
        }
}

TEST_CASE("inventory: the default rule is for routers without one", "[config][inventory]") {
    Running mesh(docker_only);
    LabelledUnit unit = container("web", {{on + "a.tls", "true"}});
    unit.default_rule = "HostSNI(`web.example`)";
    CHECK(labelled_objects(mesh.load({unit})) ==
          "router a@docker: HostSNI(`web.example`) -> web@docker, tls, everywhere\n"
          "service web@docker: 10.0.0.1:80\n");
    // No router at all: one of the container's name, to its one service.
    mesh.with("entryPoints: { web: { address: \":443\", tls: {} } }\nproviders: { docker: {} }\n");
    unit.labels.clear();
    CHECK(labelled_objects(mesh.load({unit})) ==
          "router web@docker: HostSNI(`web.example`) -> web@docker, tls\n"
          "service web@docker: 10.0.0.1:80\n");
    unit.labels = {{"mesh.tcp.services.db.loadBalancer.server.port", "1", 0, 0}};
    CHECK(labelled_objects(mesh.load({unit})) ==
          "router web@docker: HostSNI(`web.example`) -> db@docker, tls\n"
          "service db@docker: 10.0.0.1:1\n");
    unit.labels.push_back({"mesh.tcp.services.x.loadBalancer.server.port", "2", 0, 0});
    CHECK(labelled_objects(mesh.load({unit})) ==
          "service db@docker: 10.0.0.1:1\nservice x@docker: 10.0.0.1:2\n");
    unit.labels = {{"mesh.enable", "false", 0, 0}};
    CHECK(labelled_objects(mesh.load({unit})) == "");
}

TEST_CASE("label faults: a router by default does not vanish by them", "[config][inventory]") {
    Running mesh(
        "entryPoints: { web: { address: \":443\", tls: {} } }\nproviders: { docker: {} }\n");
    LabelledUnit right = container("web", {});
    right.default_rule = "HostSNI(`web.example`)";
    const auto with = [&](const std::string& key, const std::string& value) {
        LabelledUnit wrong = right;
        wrong.labels = {{key, value, 0, 0}};
        return wrong;
    };
    const std::string port = "mesh.tcp.services.web.loadBalancer.server.port";
    CHECK_THAT(labelled_objects(mesh.load({with("mesh.wrong", "1")})),
               ContainsSubstring("closed router web@docker: HostSNI(`web.example`)"));
    const std::string good = labelled_objects(mesh.load({right}));
    CHECK_THAT(good, StartsWith("router web@docker: HostSNI(`web.example`) -> web@docker, tls"));
    for (const LabelledUnit& wrong : {with("mesh.wrong", "1"), with(port, "abc")}) {
        const LoadResult& result = mesh.load({wrong});
        CHECK(labelled_objects(result) == good);
        CHECK_THAT(isolated_objects(result), ContainsSubstring("tcp.routers.web@docker stale"));
    }
}

TEST_CASE("label faults: only the object at fault, and no other container", "[config][inventory]") {
    Running mesh(docker_only);
    const LoadResult& result =
        mesh.load({container("web", shop), container("bad", router("b", "HostSNI(`b.example`"))});
    CHECK(labelled_objects(result) ==
          "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
          "service bad@docker: 10.0.0.1:80\nservice web@docker: 10.0.0.1:80\n");
    CHECK(isolated_objects(result) == "tcp.routers.b@docker left out\n");
    CHECK(result.isolated.front().source == "container bad");
    CHECK(result.errors == 0);
    CHECK_THAT(all_findings(result), ContainsSubstring("container bad: warning: the closing "));
    CHECK_THAT(all_findings(result), ContainsSubstring("(mesh.tcp.routers.b.rule)"));
}

TEST_CASE(
    "label faults: what worked before stays, as long as the fault does and the container is "
    "there",
    "[config][inventory]") {
    Running mesh(docker_only);
    CHECK(labelled_objects(mesh.load({container("web", shop)})) == shop_objects);
    const LabelPairs broken = router("shop", "HostSNI(`shop.example`");
    for (const char* const host : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
        const LoadResult& result = mesh.load({container("web", broken, one_instance(host))});
        INFO(all_findings(result));
        CHECK(labelled_objects(result) ==
              "router shop@docker: HostSNI(`shop.example`) -> web@docker, tls\n"
              "service web@docker: " +
                  std::string(host) + ":80\n");
        CHECK(isolated_objects(result) == "tcp.routers.shop@docker stale\n");
    }
    // Mended: the new form. Gone: nothing is left of it.
    const LoadResult& mended =
        mesh.load({container("web", router("shop", "HostSNI(`new.example`)"))});
    CHECK_THAT(labelled_objects(mended), ContainsSubstring("new.example"));
    CHECK(mended.isolated.empty());
    CHECK(isolated_objects(mesh.load({container("web", broken)})) ==
          "tcp.routers.shop@docker stale\n");
    CHECK(labelled_objects(mesh.load({container("else", broken)})) ==
          "service else@docker: 10.0.0.1:80\n");
    CHECK(labelled_objects(mesh.load(std::vector<LabelledUnit>{})) == "");
}

TEST_CASE("label faults: a stale router takes the service it had along", "[config][inventory]") {
    Running mesh(docker_only);
    LabelPairs before = shop;
    before.push_back({on + "shop.service", "old"});
    before.push_back({"mesh.tcp.services.old.loadBalancer.server.port", "1"});
    LabelPairs after = router("shop", "Host(");
    after.push_back({on + "shop.service", "new"});
    after.push_back({"mesh.tcp.services.new.loadBalancer.server.port", "2"});
    const std::string stale =
        "router shop@docker: HostSNI(`shop.example`) -> old@docker, tls\n"
        "service new@docker: 10.0.0.7:2\nservice old@docker: 10.0.0.7:1\n";
    CHECK(mesh.load({container("web", before)}).isolated.empty());
    CHECK(labelled_objects(mesh.load({container("web", after, one_instance("10.0.0.7"))})) ==
          stale);
    CHECK(labelled_objects(mesh.load({container("web", after, one_instance("10.0.0.7"))})) ==
          stale);
}

TEST_CASE("label faults: a form that cannot be applied for a while is not forgotten",
          "[config][inventory]") {
    const std::string with_resolver =
        docker_only + "certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }\n";
    const LabelPairs resolver = {{on + "shop.tls.certResolver", "le"}};
    const LabelPairs good = router("shop", "HostSNI(`shop.example.com`)", resolver);
    const std::string objects =
        "router shop@docker: HostSNI(`shop.example.com`) -> web@docker, tls\n"
        "service web@docker: 10.0.0.1:80\n";
    Running mesh(with_resolver);
    CHECK(labelled_objects(mesh.load({container("web", good)})) == objects);
    const LabelPairs broken =
        router("shop",
               "HostSNI(`other.example`)",
               {{on + "shop.tls.certResolver", "le"}, {on + "shop.tsl", "x"}});
    mesh.with(docker_only);
    const std::string closed = labelled_objects(mesh.load({container("web", broken)}));
    CHECK_THAT(closed, ContainsSubstring("closed router shop@docker: HostSNI(`other.example`)"));
    CHECK_THAT(closed,
               ContainsSubstring("closed router shop@2@docker: HostSNI(`shop.example.com`)"));
    CHECK_THAT(closed, !ContainsSubstring("\nrouter"));
    // The resolver is there again, and labels that are still wrong.
    mesh.with(with_resolver);
    CHECK(labelled_objects(mesh.load({container("web", broken)})) == objects);
}

TEST_CASE("label faults: one that never worked is closed where its rule can be read",
          "[config][inventory]") {
    const auto closed = [](const LabelPairs& labels) {
        Running mesh(docker_only);
        const LoadResult& result = mesh.load({container("web", labels)});
        std::string routers = labelled_objects(result);
        return routers.substr(0, routers.find("service "));
    };
    const std::string elsewhere = "closed router shop@docker: HostSNI(`shop.example`), tls";
    const std::string rule = "HostSNI(`shop.example`)";
    CHECK(closed(router("shop", rule, {{on + "shop.service", "none@file"}})) == elsewhere + "\n");
    CHECK(closed(router("shop", rule, {{on + "shop.middlewares", "none"}})) == elsewhere + "\n");
    CHECK(closed(router("shop", rule, {{on + "shop.tls.options", "none"}})) == elsewhere + "\n");
    CHECK(closed(router("shop", rule, {{on + "shop.tls.certResolver", "none"}})) ==
          elsewhere + "\n");
    // Where it takes connections is in doubt.
    CHECK(closed(router("shop", rule, {{on + "shop.entryPoint", "web"}})) ==
          elsewhere + ", everywhere\n");
    CHECK(closed({{on + "shop.rule", rule},
                  {on + "shop.tls", "true"},
                  {on + "shop.entryPoints", "nowhere"}}) == elsewhere + ", everywhere\n");
    // A label that misses its place, not its router.
    CHECK(closed(router("shop", rule, {{"mesh.tcp.router.shop.middlewares", "none"}})) ==
          elsewhere + ", everywhere\n");
    CHECK(closed(router("shop", rule, {{on + "shop..middlewares", "none"}})) ==
          elsewhere + ", everywhere\n");
    // Whether it is TLS is in doubt.
    CHECK(closed({{on + "all.rule", "HostSNI(`*`)"},
                  {on + "all.entryPoints", "web,nowhere"},
                  {on + "all.tsl", "true"}}) ==
          "closed router all@2@docker: HostSNI(`*`), tls\n"
          "closed router all@docker: HostSNI(`*`)\n");
    CHECK(closed(router("shop", "Host(")) == "");
}

TEST_CASE("label faults: a router of no host is closed only where it says it belongs",
          "[config][inventory]") {
    const auto closed = [](const std::string& rule, const LabelPairs& more) {
        LabelPairs labels = {{on + "all.rule", rule}};
        labels.insert(labels.end(), more.begin(), more.end());
        Running mesh(docker_only);
        const LoadResult& result = mesh.load({container("web", labels)});
        CHECK(result.warnings > 0);
        const std::string all = labelled_objects(result);
        return all.substr(0, all.find("service ")) + isolated_objects(result);
    };
    const std::string left_out = "tcp.routers.all@docker left out\n";
    const std::string everything = "HostSNI(`*`)";
    CHECK(closed(everything, {{on + "all.entryPoint", "web"}}) == left_out);
    CHECK(closed(everything, {{on + "all.entryPoints", "wbe"}}) == left_out);
    CHECK(closed(everything, {{on + "all.tsl", "true"}}) == left_out);
    CHECK(closed("ClientIP(`::/0`)", {{on + "all.entryPoints", "wbe"}}) == left_out);
    const std::string there =
        "closed router all@docker: HostSNI(`*`)\ntcp.routers.all@docker closed\n";
    CHECK(closed(everything, {{on + "all.entryPoints", "web,otehr"}}) == there);
    // Its connections are certain, on the entry points that are everybody's.
    CHECK(closed(everything, {{on + "all.middlewares", "none"}}) ==
          "closed router all@docker: HostSNI(`*`), everywhere\ntcp.routers.all@docker closed\n");
}

TEST_CASE("label faults: labels that belong to no object are told of and left out",
          "[config][inventory]") {
    Running mesh(docker_only);
    LabelPairs labels = shop;
    labels.push_back({"mesh.tpc.routers.x.rule", "HostSNI(`x.example`)"});
    labels.push_back({"mesh.wrong", "1"});
    const LoadResult& result = mesh.load({container("web", labels)});
    CHECK(labelled_objects(result) == shop_objects);
    CHECK(result.isolated.empty());
    CHECK_THAT(all_findings(result),
               ContainsSubstring("container web: warning: unknown option \"tpc\" "
                                 "(mesh.tpc.routers.x.rule); did you mean \"tcp\"?"));
    CHECK_THAT(all_findings(result), ContainsSubstring("(mesh.wrong)"));
}

TEST_CASE("label faults: an unreadable enable leaves all as it was", "[config][inventory]") {
    Running mesh(docker_only);
    LabelPairs labels = shop;
    labels.push_back({"mesh.enable", "fasle"});
    CHECK(labelled_objects(mesh.load({container("web", labels)})) == "");
    mesh.load({container("web", shop)});
    for (int i = 0; i < 2; ++i) {
        const LoadResult& result = mesh.load({container("web", labels)});
        CHECK(labelled_objects(result) == shop_objects);
        CHECK_THAT(isolated_objects(result), ContainsSubstring("tcp.routers.shop@docker stale\n"));
    }
}

TEST_CASE("label faults: two that differ are one error that names both", "[config][inventory]") {
    Running mesh(docker_only);
    const LabelledUnit a = container("a", router("shop", "HostSNI(`a.example`)"));
    const LabelledUnit b = container("b", router("shop", "HostSNI(`b.example`)"));
    const LoadResult& never = mesh.load({a, b});
    CHECK(labelled_objects(never) ==
          "closed router shop@2@docker: HostSNI(`b.example`), tls\n"
          "closed router shop@docker: HostSNI(`a.example`), tls\n"
          "service a@docker: 10.0.0.1:80\nservice b@docker: 10.0.0.1:80\n");
    CHECK(never.warnings == 2);
    CHECK_THAT(all_findings(never),
               ContainsSubstring("container b: warning: container a defines the router \"shop\" "
                                 "differently (mesh.tcp.routers.shop)"));
    mesh.load({a});
    CHECK_THAT(labelled_objects(mesh.load({a, b})),
               StartsWith("router shop@docker: HostSNI(`a.example`)"));
    CHECK_THAT(labelled_objects(mesh.load({a, b})),
               StartsWith("router shop@docker: HostSNI(`a.example`)"));
    CHECK_THAT(labelled_objects(mesh.load({b})),
               StartsWith("router shop@docker: HostSNI(`b.example`)"));

    const auto allow = [](const std::string& name, const std::string& range) {
        return container(name, {{"mesh.tcp.middlewares.m.ipAllowList.sourceRange", range}});
    };
    CHECK(isolated_objects(mesh.load({allow("a", "10.0.0.0/8"), allow("b", "::/0")})) ==
          "tcp.middlewares.m@docker left out\n");
    const auto servers = [](const std::string& name, const std::string& address) {
        return container(name, {{"mesh.tcp.services.s.loadBalancer.servers[0].address", address}});
    };
    CHECK(isolated_objects(mesh.load({servers("a", "10.0.0.1:1"), servers("b", "10.0.0.1:2")})) ==
          "tcp.services.s@docker left out\n");
    CHECK(mesh.load({servers("a", "10.0.0.1:1"), servers("b", "10.0.0.1:1")}).isolated.empty());
}

TEST_CASE("label faults: who serves nobody contradicts nobody who serves", "[config][inventory]") {
    const auto web = [](const std::string& name, std::vector<Instance> instances) {
        LabelPairs labels = router("shop", "HostSNI(`" + name + ".example`)");
        labels.push_back({"mesh.tcp.routers.shop.service", "web"});
        return container(name, labels, std::move(instances));
    };
    Running mesh(docker_only);
    const LoadResult& result = mesh.load({web("dead", {}), web("new", one_instance())});
    CHECK(labelled_objects(result) ==
          "router shop@docker: HostSNI(`new.example`) -> web@docker, tls\n"
          "service web@docker: 10.0.0.1:80\n");
    CHECK(result.isolated.empty());

    // Where nobody serves, all count.
    CHECK_THAT(isolated_objects(mesh.load({web("dead", {}), web("new", {})})),
               ContainsSubstring("tcp.routers.shop@docker stale"));
    // One that is back may not take over.
    const LoadResult& back = mesh.load({web("dead", one_instance()), web("new", one_instance())});
    CHECK_THAT(labelled_objects(back),
               StartsWith("router shop@docker: HostSNI(`new.example`) -> web@docker, tls\n"));
}

TEST_CASE("label faults: one container's part of a service is its own", "[config][inventory]") {
    const std::string port = "mesh.tcp.services.pool.loadBalancer.server.port";
    Running mesh(docker_only);
    const LabelledUnit a = container("a", {{port, "1"}});
    const LabelledUnit bad = container("b", {{port, "x"}}, one_instance("10.0.0.2"));
    CHECK(labelled_objects(mesh.load({a, bad})) == "service pool@docker: 10.0.0.1:1\n");
    mesh.load({a, container("b", {{port, "2"}}, one_instance("10.0.0.2"))});
    const std::string both = "service pool@docker: 10.0.0.1:1 10.0.0.2:2\n";
    CHECK(labelled_objects(mesh.load({a, bad})) == both);
    CHECK(labelled_objects(mesh.load({a, bad})) == both);
}

TEST_CASE("label faults: units are told apart though they have one name", "[config][inventory]") {
    // As Docker's provider names them that never mean their own name.
    const std::string port = "mesh.tcp.services.pool.loadBalancer.server.port";
    const auto of_pool = [](const std::string& name, const LabelPairs& labels, const char* host) {
        LabelledUnit unit = container(name, labels, one_instance(host));
        unit.name = "pool";
        return unit;
    };
    Running mesh(docker_only);
    const LabelledUnit a = of_pool("a", {{port, "1"}}, "10.0.0.1");
    const std::string both = "service pool@docker: 10.0.0.1:1 10.0.0.2:2\n";
    CHECK(labelled_objects(mesh.load({a, of_pool("b", {{port, "2"}}, "10.0.0.2")})) == both);
    // What is wrong in one, as a port or as a whole, leaves the other one as it is.
    CHECK(labelled_objects(mesh.load({a, of_pool("b", {{port, "x"}}, "10.0.0.2")})) == both);
    const LoadResult& off =
        mesh.load({a, of_pool("b", {{port, "2"}, {"mesh.enable", "x"}}, "10.0.0.2")});
    CHECK(labelled_objects(off) == "service pool@docker: 10.0.0.2:2 10.0.0.1:1\n");
    // A container of the unit goes on under another source, or comes anew under another name.
    CHECK(labelled_objects(mesh.load({a, of_pool("c", {{port, "y"}}, "10.0.0.3")})) ==
          "service pool@docker: 10.0.0.1:1 10.0.0.3:2\n");
    LabelledUnit renamed = of_pool("c", {{port, "z"}}, "10.0.0.3");
    renamed.name = "c";
    CHECK(labelled_objects(mesh.load({a, renamed})) ==
          "service pool@docker: 10.0.0.3:2 10.0.0.1:1\n");
}

TEST_CASE("label faults: what only labels bring about is no error of a file",
          "[config][inventory]") {
    // Options without a host, a resolver that is not there, a wildcard: all at the entry point.
    const std::string files =
        "entryPoints:\n"
        "  web: { address: \":443\", tls: { options: strict, certResolver: none } }\n"
        "  other: { address: \":8443\", tls: { options: strict } }\n"
        "providers: { docker: {} }\n"
        "tls: { options: { strict: {} } }\n";
    Running mesh(files);
    const LoadResult& result = mesh.load(
        {container("a",
                   {{on + "a.rule", "ClientIP(`10.0.0.1`)"},
                    {on + "a.tls", "true"},
                    {on + "a.entryPoints", "other"}}),
         container("b", router("b", "HostSNI(`b.example`)")),
         container("c",
                   {{on + "c.rule", "HostSNI(`c.example`)"}, {on + "c.entryPoints", "other"}})});
    INFO(all_findings(result));
    CHECK_THAT(labelled_objects(result), ContainsSubstring("closed router a@docker"));
    CHECK_THAT(labelled_objects(result), ContainsSubstring("closed router b@docker"));
    CHECK_THAT(labelled_objects(result), ContainsSubstring("\nrouter c@docker"));
}

TEST_CASE("label faults: an error of the file refuses everything, and says of labels what they are",
          "[config][inventory]") {
    Running mesh(docker_only + "workers: many\n");
    const LoadResult& result = mesh.load({container("web", router("shop", "Host("))});
    CHECK_FALSE(result.configuration);
    CHECK(result.errors == 1);
    CHECK_THAT(all_findings(result), ContainsSubstring("container web: warning: "));
}

TEST_CASE("awaited: a router of a file may name what only labels define", "[config][inventory]") {
    const std::string files =
        docker_only +
        "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: web@docker, "
        "tls: {}, middlewares: [m@docker] } } }\n";
    const LoadResult checked = load_text(files, "mesh.yaml", {});
    INFO(all_findings(checked));
    REQUIRE(checked.configuration);
    CHECK(checked.configuration->routers.at("shop").closed);
    CHECK_THAT(all_findings(checked),
               ContainsSubstring("note: only a running mesh knows whether "));
    CHECK(checked.warnings == 0);

    Running mesh(files);
    const LoadResult& without = mesh.load(std::vector<LabelledUnit>{});
    REQUIRE(without.configuration);
    CHECK(without.configuration->routers.at("shop").closed);
    CHECK_THAT(all_findings(without),
               ContainsSubstring("warning: no labels of docker define the service "
                                 "\"web@docker\" now: what this router matches is refused until "
                                 "some do (tcp.routers.shop.service)"));
    // A running mesh knows so before any provider has said anything, too.
    CHECK_THAT(all_findings(mesh.load(std::vector<InventoryPtr>{})),
               ContainsSubstring("warning: no labels of docker define the service "));
    LabelPairs labels = {{"mesh.tcp.services.web.loadBalancer", "true"},
                         {"mesh.tcp.middlewares.m.inFlightConn.amount", "3"}};
    const LoadResult& with = mesh.load({container("x", labels)});
    REQUIRE(with.configuration);
    CHECK_FALSE(with.configuration->routers.at("shop").closed);
    CHECK(with.configuration->routers.at("shop").service.value == "web@docker");

    // Without that provider nobody will ever define it.
    mesh.with(
        "entryPoints: { web: { address: \":443\" } }\nproviders: { consulCatalog: {} }\n"
        "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: web@docker, "
        "tls: {} } } }\n");
    CHECK_FALSE(mesh.load(std::vector<LabelledUnit>{}).configuration);
}

TEST_CASE("label faults: a generated default certificate", "[config][inventory]") {
    const std::string files =
        docker_only + "certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }\n";
    const auto labels = [](const std::string& resolver, const std::string& main) {
        const std::string key = "mesh.tls.stores.default.defaultGeneratedCert.";
        return LabelPairs{{key + "resolver", resolver}, {key + "domain.main", main}};
    };
    const auto name = [](const LoadResult& result) {
        REQUIRE(result.configuration);
        const auto& generated = result.configuration->generated_default;
        return generated ? generated->domain.main.text() : std::string("none");
    };
    Running mesh(files);
    CHECK(name(mesh.load({container("a", labels("none", "a.example.com"))})) == "none");
    CHECK(name(mesh.load({container("a", labels("le", "a.example.com")),
                          container("b", labels("le", "a.example.com"))})) == "a.example.com");
    for (int i = 0; i < 2; ++i) {
        const LoadResult& differ = mesh.load({container("a", labels("le", "a.example.com")),
                                              container("b", labels("le", "b.example.com"))});
        CHECK(name(differ) == "a.example.com");
        CHECK(isolated_objects(differ) == "tls.stores.default.defaultGeneratedCert stale\n");
    }
    CHECK(name(mesh.load({container("a", labels("none", "a.example.com"))})) == "a.example.com");
    // While it cannot be applied, or the files have one, it is not forgotten.
    const std::string of_files =
        files +
        "tls: { stores: { default: { defaultGeneratedCert: { resolver: le, domain: { main: "
        "f.example.com } } } } }\n";
    for (const std::string& meanwhile : {docker_only, of_files}) {
        mesh.with(meanwhile);
        for (int i = 0; i < 2; ++i)
            CHECK(name(mesh.load({container("a", labels("le", "b.example.com"))})) ==
                  (meanwhile == of_files ? "f.example.com" : "none"));
        mesh.with(files);
        CHECK(name(mesh.load({container("a", labels("none", "b.example.com"))})) ==
              "a.example.com");
    }
    CHECK(name(mesh.load({container("c", labels("none", "a.example.com"))})) == "none");
}

TEST_CASE("label faults: with very many mistakes all of the container is in doubt",
          "[config][inventory]") {
    LabelPairs labels = shop;
    for (int i = 0; i < 300; ++i) labels.emplace_back("mesh.wrong" + std::to_string(i), "1");
    Running mesh(docker_only);
    CHECK(labelled_objects(mesh.load({container("web", labels)})) ==
          "closed router shop@docker: HostSNI(`shop.example`), tls, everywhere\n");
    mesh.load({container("web", shop)});
    CHECK(labelled_objects(mesh.load({container("web", labels)})) == shop_objects);
    labels.resize(shop.size() + 100);
    CHECK(labelled_objects(mesh.load({container("web", labels)})) == shop_objects);
}

// Services that are made of other services.
#include "config/load.hpp"
#include "fleet.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace mesh;
using namespace mesh::config;
using namespace mesh::test;

namespace {

const std::string blue_and_green =
    "entryPoints: { web: { address: ':443' } }\n"
    "providers: { docker: {}, consulCatalog: {} }\n"
    "tcp:\n"
    "  services:\n"
    "    blue: { loadBalancer: { servers: [{ address: '127.0.0.1:1' }] } }\n"
    "    green: { loadBalancer: { servers: [{ address: '127.0.0.1:2' }] } }\n";

/// "blue 3, green 1".
std::string parts_of(const LoadResult& result, const std::string& name) {
    UNSCOPED_INFO(all_findings(result));
    REQUIRE(result.configuration);
    std::string out;
    for (const auto& part : result.configuration->services.at(name).services)
        out += (out.empty() ? "" : ", ") + part.service.value + ' ' + std::to_string(part.weight);
    return out;
}

LoadResult yaml(const std::string& services) {
    return load_text(blue_and_green + services, "/etc/mesh/mesh.yaml", {});
}

LabelledUnit registered(LabelledUnit unit) {
    unit.provider = "consulcatalog";
    return unit;
}

const std::string services = "mesh.tcp.services.";

LabelPairs mixed(const std::string& first, const std::string& second) {
    return {{services + "mix.weighted.services[0].name", first},
            {services + "mix.weighted.services[0].weight", "3"},
            {services + "mix.weighted.services[1].name", second}};
}

LabelPairs operator+(LabelPairs some, const LabelPairs& more) {
    some.insert(some.end(), more.begin(), more.end());
    return some;
}

const LabelPairs own_parts = {{services + "blue.loadBalancer.server.port", "81"},
                              {services + "green.loadBalancer.server.port", "82"}};
const LabelPairs router_to_mix = {{"mesh.tcp.routers.r.rule", "HostSNI(`mix.example`)"},
                                  {"mesh.tcp.routers.r.tls", "true"},
                                  {"mesh.tcp.routers.r.service", "mix"}};
const std::string mix_of_labels =
    "router r@docker: HostSNI(`mix.example`) -> mix@docker, tls\n"
    "service blue@docker: 10.0.0.1:81\n"
    "service green@docker: 10.0.0.1:82\n"
    "service mix@docker:\n";

/// Services of which each is made of the next one, `levels` in all.
std::string chain(std::size_t levels) {
    std::string out;
    for (std::size_t i = 1; i < levels; ++i)
        out += "    s" + std::to_string(i) + ": { weighted: { services: [{ name: " +
               (i + 1 == levels ? "blue" : "s" + std::to_string(i + 1)) + " }] } }\n";
    return out;
}

/// `width` services of their own, `wide` made of them, and `square` of as many like it.
std::string square(std::size_t width) {
    std::string out;
    std::string leaves;
    std::string rows;
    for (std::size_t i = 0; i < width; ++i) {
        const std::string number = std::to_string(i);
        out +=
            "    leaf" + number + ": { loadBalancer: { servers: [{ address: '127.0.0.1:9' }] } }\n";
        leaves += "{ name: leaf" + number + " }, ";
        rows += "{ name: row" + number + " }, ";
    }
    for (std::size_t i = 0; i < width; ++i)
        out += "    row" + std::to_string(i) + ": { weighted: { services: [" + leaves + "] } }\n";
    return out + "    square: { weighted: { services: [" + rows + "] } }\n";
}

}  // namespace

TEST_CASE("weighted: it is said in YAML, TOML, labels and tags alike", "[config][weighted]") {
    const auto of_yaml =
        yaml("    mix: { weighted: { services: [{ name: blue, weight: 3 }, { name: green }] } }\n");
    CHECK(parts_of(of_yaml, "mix") == "blue 3, green 1");
    CHECK(of_yaml.configuration->services.at("mix").servers.empty());
    const auto of_toml = load_text(
        "[entryPoints.web]\naddress = ':443'\n"
        "[[tcp.services.blue.loadBalancer.servers]]\naddress = '127.0.0.1:1'\n"
        "[[tcp.services.green.loadBalancer.servers]]\naddress = '127.0.0.1:2'\n"
        "[[tcp.services.mix.weighted.services]]\nname = 'blue'\nweight = 3\n"
        "[[tcp.services.mix.weighted.services]]\nname = 'green'\n",
        "/etc/mesh/mesh.toml",
        {});
    CHECK(parts_of(of_toml, "mix") == "blue 3, green 1");
    Running docker(blue_and_green);
    CHECK(parts_of(docker.load({container("a", mixed("blue", "green"))}), "mix@docker") ==
          "blue 3, green 1");
    Running consul(blue_and_green);
    CHECK(parts_of(consul.load({registered(container("a", mixed("blue", "green")))}),
                   "mix@consulcatalog") == "blue 3, green 1");
}

TEST_CASE("weighted: a bare name is first its own provider's, and others' are said with theirs",
          "[config][weighted]") {
    Running mesh(blue_and_green +
                 "    mix: { weighted: { services: [{ name: blue, weight: 0 }, { name: "
                 "blue@docker }] } }\n");
    const auto& result = mesh.load({container("a", mixed("blue", "green@file") + own_parts)});
    CHECK(parts_of(result, "mix@docker") == "blue@docker 3, green 1");
    CHECK(parts_of(result, "mix") == "blue 0, blue@docker 1");
}

TEST_CASE("weighted: labels that are to define a part may come later", "[config][weighted]") {
    Running mesh(blue_and_green +
                 "    mix: { weighted: { services: [{ name: blue }, { name: late@docker }] } }\n");
    const auto& none = mesh.load({container("a", {})});
    CHECK(parts_of(none, "mix") == "blue 1");
    CHECK(all_findings(none).find("late@docker") != std::string::npos);
    const auto& come =
        mesh.load({container("a", {{services + "late.loadBalancer.server.port", "80"}})});
    CHECK(parts_of(come, "mix") == "blue 1, late@docker 1");
}

TEST_CASE("weighted: services within services have an end", "[config][weighted]") {
    CHECK(yaml(chain(8)).errors == 0);
    const auto deep = yaml(chain(9));
    CHECK(deep.errors == 1);
    CHECK_THAT(all_findings(deep),
               ContainsSubstring("services within services are more than 8 deep: s1 -> s2 -> s3 -> "
                                 "s4 -> s5 -> s6 -> s7 -> s8 -> blue (tcp.services.s1)"));
    // However long: it is said once, of the innermost that goes too far.
    const auto deeper = yaml(chain(5'000));
    CHECK(deeper.errors == 1);
    CHECK_THAT(all_findings(deeper), ContainsSubstring("more than 8 deep: s4992 -> s4993 -> "));
    // And by whichever way it does.
    const auto both = yaml(chain(9) +
                           "    a: { weighted: { services: [{ name: green }, { name: s1 "
                           "}, { name: s2 }] } }\n");
    CHECK(both.errors == 1);
    CHECK(yaml(square(16)).errors == 0);
    const auto wide = yaml(square(17) +
                           "    a: { weighted: { services: [{ name: square }, { "
                           "name: blue }] } }\n");
    CHECK(wide.errors == 1);
    CHECK_THAT(all_findings(wide),
               ContainsSubstring("it is made of more than 256 services (tcp.services.square)"));
}

TEST_CASE("weighted: a router of labels that comes back brings what its service is made of",
          "[config][weighted]") {
    Running mesh(blue_and_green);
    const LabelPairs right = router_to_mix + mixed("blue", "green") + own_parts;
    CHECK(labelled_objects(mesh.load({container("a", right)})) == mix_of_labels);
    // The rule is wrong and the rest has gone.
    const LabelPairs wrong = {{"mesh.tcp.routers.r.rule", "HostSNI(`"},
                              router_to_mix[1],
                              router_to_mix[2],
                              {services + "other.loadBalancer.server.port", "83"}};
    for (int again = 0; again < 2; ++again) {
        const LoadResult& result = mesh.load({container("a", wrong)});
        INFO(all_findings(result));
        CHECK(labelled_objects(result) == mix_of_labels + "service other@docker: 10.0.0.1:83\n");
        CHECK(parts_of(result, "mix@docker") == "blue@docker 3, green@docker 1");
        CHECK(isolated_objects(result) == "tcp.routers.r@docker stale\n");
    }
    CHECK(labelled_objects(mesh.load({container("a", right)})) == mix_of_labels);
    CHECK(mesh.load({container("a", right)}).isolated.empty());
}

TEST_CASE("weighted: of labels that are wrong the service that worked goes on with its parts",
          "[config][weighted]") {
    Running mesh(blue_and_green);
    const LabelPairs right = router_to_mix + mixed("blue", "green") + own_parts;
    CHECK(labelled_objects(mesh.load({container("a", right)})) == mix_of_labels);
    LabelPairs wrong = router_to_mix + mixed("blue", "green");
    wrong[4].second = "many";
    const LoadResult& result = mesh.load({container("a", wrong)});
    INFO(all_findings(result));
    CHECK(labelled_objects(result) == mix_of_labels);
    CHECK(parts_of(result, "mix@docker") == "blue@docker 3, green@docker 1");
    CHECK(isolated_objects(result) == "tcp.services.mix@docker stale\n");
}

TEST_CASE("weighted: labels that make a ring with a file do not refuse the file",
          "[config][weighted]") {
    for (const std::string name : {"alpha", "zeta"}) {
        Running mesh(blue_and_green + "    mix: { weighted: { services: [{ name: blue }, { name: " +
                     name + "@docker }] } }\n");
        const std::string part = services + name + ".weighted.services[0].name";
        const auto& result = mesh.load({container("a", {{part, "mix@file"}})});
        INFO(all_findings(result));
        CHECK(isolated_objects(result).find("tcp.services." + name + "@docker") !=
              std::string::npos);
        CHECK(parts_of(result, "mix") == "blue 1");
    }
}

TEST_CASE("weighted: a ring is told at the labels that take part in it", "[config][weighted]") {
    for (const std::string name : {"alpha", "zeta"}) {
        Running mesh(blue_and_green + "    mix: { weighted: { services: [{ name: blue }, { name: " +
                     name + "@docker }] } }\n");
        const std::string part = services + name + ".weighted.services[0].name";
        const auto& result = mesh.load({container("a", {{part, "mix@file"}})});
        const auto ring = std::find_if(
            result.findings.begin(), result.findings.end(), [](const Finding& finding) {
                return finding.message.find("parts of themselves") != std::string::npos;
            });
        REQUIRE(ring != result.findings.end());
        CHECK_THAT(ring->path, ContainsSubstring(name));
        CHECK(ring->file.find("mesh.yaml") == std::string::npos);
    }
}

TEST_CASE("weighted: a long ring is told once", "[config][weighted]") {
    std::string ring;
    for (int i = 0; i < 3'000; ++i)
        ring += "    r" + std::to_string(i) + ": { weighted: { services: [{ name: r" +
                std::to_string((i + 1) % 3'000) + " }] } }\n";
    const auto closed = yaml(ring);
    CHECK(closed.errors == 2);  // and too deep without its last part
    CHECK_THAT(all_findings(closed),
               ContainsSubstring("services are parts of themselves: r0 -> r1 -> "));
}

TEST_CASE("weighted: of eight levels of labels the one server that is right stays",
          "[config][weighted]") {
    // Each level names two parts that are wrong, each in its own way, beside the next level.
    LabelPairs labels = {{"mesh.tcp.routers.r.rule", "HostSNI(`mix.example`)"},
                         {"mesh.tcp.routers.r.service", "level1"},
                         {"mesh.tcp.routers.r.tls", "true"},
                         {services + "level8.loadBalancer.server.port", "80"}};
    for (int level = 1; level < 8; ++level) {
        const std::string number = std::to_string(level);
        const std::string parts = services + "level" + number + ".weighted.services";
        const std::string next = std::to_string(level + 1);
        labels.push_back({parts + "[0].name", "port" + number});
        labels.push_back({parts + "[1].name", "ring" + number});
        labels.push_back({parts + "[2].name", "level" + next});
        labels.push_back({services + "port" + number + ".loadBalancer.server.port", "many"});
        labels.push_back(
            {services + "ring" + number + ".weighted.services[0].name", "ring" + number});
        labels.push_back({services + "ring" + number + ".weighted.services[1].name", "level1"});
    }
    Running mesh(blue_and_green);
    const auto& result = mesh.load({container("a", labels)});
    INFO(all_findings(result));
    REQUIRE(result.configuration);
    REQUIRE(result.configuration->routers.contains("r@docker"));
    CHECK_FALSE(result.configuration->routers.at("r@docker").closed);
    for (int level = 1; level < 8; ++level)
        CHECK(parts_of(result, "level" + std::to_string(level) + "@docker") ==
              "level" + std::to_string(level + 1) + "@docker 1");
    CHECK(result.configuration->services.at("level8@docker").servers.size() == 1);
}

TEST_CASE("weighted: labels that go far too deep refuse nothing else", "[config][weighted]") {
    LabelPairs labels = own_parts;
    for (int level = 1; level < 400; ++level)
        labels.push_back({services + "level" + std::to_string(level) + ".weighted.services[0].name",
                          level == 399 ? "blue" : "level" + std::to_string(level + 1)});
    Running mesh(blue_and_green + "  routers: { blue: { rule: 'HostSNI(`*`)', service: blue } }\n");
    const auto& result = mesh.load({container("a", labels)});
    INFO(all_findings(result));
    REQUIRE(result.configuration);
    CHECK(result.configuration->routers.contains("blue"));
    CHECK(result.configuration->services.contains("green@docker"));
    CHECK(result.configuration->services.contains("level393@docker"));
    CHECK_FALSE(result.configuration->services.contains("level392@docker"));
}

TEST_CASE("weighted: of a part that has gone with its container the others have the share",
          "[config][weighted]") {
    Running mesh(blue_and_green);
    const LabelPairs first = router_to_mix + mixed("blue", "late") + LabelPairs{own_parts[0]};
    const LabelPairs second = {{services + "late.loadBalancer.server.port", "83"}};
    CHECK(parts_of(mesh.load({container("a", first)}), "mix@docker") == "blue@docker 3");
    CHECK(parts_of(mesh.load({container("a", first), container("b", second)}), "mix@docker") ==
          "blue@docker 3, late@docker 1");
    const auto& result = mesh.load({container("a", first)});
    INFO(all_findings(result));
    CHECK(parts_of(result, "mix@docker") == "blue@docker 3");
    CHECK(result.isolated.empty());
}

TEST_CASE("weighted: labels that make a ring are refused, the rest of them is not",
          "[config][weighted]") {
    Running mesh(blue_and_green);
    const LoadResult& result =
        mesh.load({container("a",
                             router_to_mix + mixed("mix", "blue") + own_parts +
                                 LabelPairs{{"mesh.tcp.routers.b.rule", "HostSNI(`blue.example`)"},
                                            {"mesh.tcp.routers.b.service", "blue"},
                                            {"mesh.tcp.routers.b.tls", "true"}})});
    INFO(all_findings(result));
    CHECK_THAT(all_findings(result), ContainsSubstring("services are parts of themselves"));
    CHECK(labelled_objects(result) ==
          "router b@docker: HostSNI(`blue.example`) -> blue@docker, tls\n"
          "closed router r@docker: HostSNI(`mix.example`), tls\n"
          "service blue@docker: 10.0.0.1:81\n"
          "service green@docker: 10.0.0.1:82\n");
}

TEST_CASE("weighted: units agree on what a service is made of", "[config][weighted]") {
    Running mesh(blue_and_green);
    const auto agreed =
        mesh.load({container("a", mixed("blue", "green")), container("b", mixed("blue", "green"))});
    CHECK(parts_of(agreed, "mix@docker") == "blue 3, green 1");
    CHECK(agreed.isolated.empty());
    Running another(blue_and_green);
    const LoadResult& torn = another.load(
        {container("a", mixed("blue", "green")), container("b", mixed("green", "blue"))});
    CHECK_THAT(all_findings(torn), ContainsSubstring("differently"));
}

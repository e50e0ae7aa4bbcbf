#include "providers/docker_units.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <map>

namespace mesh::providers {
namespace {

Container docker_container(std::string name, std::map<std::string, std::string> labels) {
    Container out;
    out.id = "id-" + name;
    out.name = std::move(name);
    out.labels.assign(labels.begin(), labels.end());
    out.running = true;
    out.network_mode = "bridge";
    out.networks["bridge"] = {"172.17.0.2", ""};
    out.exposed = {80};
    return out;
}

model::DockerProvider local_docker() {
    model::DockerProvider settings;
    settings.endpoint.url = "http://docker";
    settings.endpoint.unix_socket = "/var/run/docker.sock";
    return settings;
}

rules::Constraint label_constraint(const std::string& text) {
    auto parsed = rules::Constraint::parse(text, rules::Constraint::Of::labels);
    REQUIRE(parsed.has_value());
    return *parsed;
}

/// "shop: web-1 172.17.0.2:80, web-2 …", a line for each unit.
std::string shown(const config::Inventory& inventory) {
    std::string out;
    for (const config::LabelledUnit& unit : inventory.units) {
        out += unit.name + ":";
        for (const config::Instance& one : *unit.instances)
            out +=
                " " + one.name + "=" + one.host + (one.port ? ":" + std::to_string(*one.port) : "");
        out += "\n";
    }
    return out;
}

std::string shown(const std::vector<Container>& containers,
                  const model::DockerProvider& settings = local_docker()) {
    return shown(docker_inventory(containers, settings).inventory);
}

std::vector<std::string> events(const std::vector<Container>& containers,
                                const model::DockerProvider& settings = local_docker()) {
    std::vector<std::string> out;
    for (const DockerNotice& notice : docker_inventory(containers, settings).notices)
        out.push_back(notice.container + " " + notice.event + " " + notice.detail);
    return out;
}

const std::map<std::string, std::string> routed = {{"mesh.tcp.routers.a.rule", "HostSNI(`a`)"}};
const std::map<std::string, std::string> with_service = {
    {"mesh.tcp.routers.a.rule", "HostSNI(`a`)"},
    {"mesh.tcp.services.shop.loadbalancer.server.port", "9000"}};

std::map<std::string, std::string> operator+(std::map<std::string, std::string> labels,
                                             const std::pair<std::string, std::string>& more) {
    labels[more.first] = more.second;
    return labels;
}

}  // namespace

TEST_CASE("docker units: a container with labels is a unit, one without is none") {
    const auto seen =
        docker_inventory(std::vector{docker_container("web", routed + std::pair("other.key", "x")),
                                     docker_container("db", {{"com.example", "y"}})},
                         local_docker());
    CHECK(shown(seen.inventory) == "web: web=172.17.0.2:80\n");
    CHECK(seen.inventory.provider == "docker");
    CHECK(seen.inventory.left_out == 1);
    const config::LabelledUnit& unit = seen.inventory.units.front();
    CHECK(unit.provider == "docker");
    CHECK(*unit.source == "container web");
    CHECK(unit.labels.size() == 1);
    CHECK(unit.default_rule.empty());
    CHECK(seen.notices.empty());
}

TEST_CASE("docker units: enable and exposedByDefault decide, under any prefix in any case") {
    auto settings = local_docker();
    settings.prefixes = {"mesh", "traefik"};
    const auto is_unit = [&](const std::pair<std::string, std::string>& enable) {
        return !shown({docker_container("web", routed + enable)}, settings).empty();
    };
    CHECK(is_unit({"x", "y"}));
    CHECK_FALSE(is_unit({"mesh.enable", "false"}));
    CHECK_FALSE(is_unit({"Traefik.Enable", "0"}));
    // config says what is wrong with these.
    CHECK(is_unit({"mesh.enable", "maybe"}));
    CHECK(shown({docker_container("web", {{"mesh.enable", "true"}, {"traefik.enable", "false"}})},
                settings) == "web: web=172.17.0.2:80\n");

    settings.exposed_by_default = false;
    CHECK_FALSE(is_unit({"x", "y"}));
    CHECK(is_unit({"MESH.ENABLE", "yes"}));
    CHECK(is_unit({"mesh.enable", ""}));
    CHECK_FALSE(is_unit({"meshed.enable", "true"}));
}

TEST_CASE("docker units: constraints see every label") {
    auto settings = local_docker();
    settings.constraints = label_constraint("Label(`stage`, `live`)");
    CHECK(shown({docker_container("a", routed + std::pair("stage", "live")),
                 docker_container("b", routed + std::pair("stage", "test"))},
                settings) == "a: a=172.17.0.2:80\n");
}

TEST_CASE("docker units: what does not run, or is not healthy, is left out") {
    auto stopped = docker_container("stopped", routed);
    stopped.running = false;
    auto sick = docker_container("sick", routed);
    sick.health = Container::Health::unhealthy;
    auto fresh = docker_container("fresh", routed);
    fresh.health = Container::Health::starting;
    auto well = docker_container("well", routed);
    well.health = Container::Health::healthy;
    const std::vector containers{stopped, sick, fresh, well};
    CHECK(shown(containers) == "well: well=172.17.0.2:80\n");
    CHECK(docker_inventory(containers, local_docker()).inventory.left_out == 3);

    auto settings = local_docker();
    settings.allow_empty_services = true;
    CHECK(shown(containers, settings) == "fresh:\nsick:\nwell: well=172.17.0.2:80\n");
}

TEST_CASE("docker units: names come from Compose, else from the container, normalised") {
    const auto name = [](std::string of, std::map<std::string, std::string> labels) {
        return docker_unit_name(docker_container(std::move(of), std::move(labels)));
    };
    CHECK(name("web.1__a-", {}) == "web-1-a");
    CHECK(name("x",
               {{"com.docker.compose.project", "shop"}, {"com.docker.compose.service", "web"}}) ==
          "web-shop");
    CHECK(name("x", {{"com.docker.compose.project", "shop"}}) == "x");
}

TEST_CASE(
    "docker units: containers that say the same are one unit unless they mean their own name") {
    auto second = docker_container("b", with_service);
    second.networks["bridge"].v4 = "172.17.0.3";
    CHECK(shown({second, docker_container("a", with_service)}) ==
          "shop: a=172.17.0.2:80 b=172.17.0.3:80\n");
    const auto merged =
        docker_inventory(std::vector{second, docker_container("a", with_service)}, local_docker());
    CHECK(*merged.inventory.units.front().source == "container a");
    // Whichever stops, the definitions stay.
    const auto left = docker_inventory(std::vector{second}, local_docker());
    CHECK(config::same_definitions(merged.inventory, left.inventory));

    CHECK(shown({docker_container("a", routed), docker_container("b", routed)}) ==
          "a: a=172.17.0.2:80\nb: b=172.17.0.2:80\n");
    const auto named = routed + std::pair("mesh.tcp.routers.a.service", "pool");
    CHECK(shown({docker_container("a", named), docker_container("b", named)}) ==
          "a: a=172.17.0.2:80 b=172.17.0.2:80\n");
    // One of two routers names no service.
    const auto half = named + std::pair("mesh.tcp.routers.z.rule", "HostSNI(`z`)");
    CHECK(shown({docker_container("a", half), docker_container("b", half)}) ==
          "a: a=172.17.0.2:80\nb: b=172.17.0.2:80\n");
    // They say different things of the service.
    CHECK(shown({docker_container("a", with_service),
                 docker_container(
                     "b",
                     with_service +
                         std::pair("mesh.tcp.services.shop.loadbalancer.server.port", "1"))}) ==
          "shop: b=172.17.0.2:80\nshop: a=172.17.0.2:80\n");
    // Being enabled twice says nothing of it.
    CHECK(shown({docker_container("a", with_service + std::pair("mesh.enable", "true")),
                 docker_container("b", with_service)}) ==
          "shop: a=172.17.0.2:80 b=172.17.0.2:80\n");
}

TEST_CASE("docker units: replicas of a Compose service are one unit") {
    const auto replica = routed + std::pair("com.docker.compose.project", "shop") +
                         std::pair("com.docker.compose.service", "web");
    CHECK(
        shown({docker_container("shop-web-1", replica), docker_container("shop-web-2", replica)}) ==
        "web-shop: shop-web-1=172.17.0.2:80 shop-web-2=172.17.0.2:80\n");
}

TEST_CASE("docker units: with a default rule a container needs no label") {
    auto settings = local_docker();
    settings.default_rule = "HostSNI(`{{ normalize .Name }}.example`)";
    const auto seen =
        docker_inventory(std::vector{docker_container("web_1", {}),
                                     docker_container("off", {{"mesh.enable", "no"}})},
                         settings);
    REQUIRE(seen.inventory.units.size() == 1);
    CHECK(seen.inventory.units.front().name == "web-1");
    CHECK(seen.inventory.units.front().default_rule == "HostSNI(`web-1.example`)");
    // Routers with rules do not speak of it.
    const auto ruled = docker_inventory(
        std::vector{docker_container("a", with_service), docker_container("b", with_service)},
        settings);
    CHECK(shown(ruled.inventory) == "shop: a=172.17.0.2:80 b=172.17.0.2:80\n");
    CHECK(ruled.inventory.units.front().default_rule.empty());

    settings.default_rule = "HostSNI(`{{ index .Labels \"host\" }}`)";
    CHECK(events({docker_container("web", {})}, settings).size() == 1);
    CHECK(events({docker_container("web", {})}, settings)
              .front()
              .starts_with("web provider_default_rule "));
}

TEST_CASE("docker addresses: of several networks the named one, else the first") {
    auto web = docker_container("web", routed);
    web.networks = {{"back", {"10.0.0.2", ""}}, {"front", {"10.1.0.2", "fd00::2"}}, {"void", {}}};
    CHECK(shown({web}) == "web: web=10.0.0.2:80\n");
    CHECK(events({web}) == std::vector<std::string>{"web provider_network_chosen back"});

    auto settings = local_docker();
    settings.network = "front";
    CHECK(shown({web}, settings) == "web: web=10.1.0.2:80\n");
    CHECK(events({web}, settings).empty());

    auto labelled = docker_container("web", routed + std::pair("Mesh.Docker.Network", "back"));
    labelled.networks = web.networks;
    CHECK(shown({labelled}, settings) == "web: web=10.0.0.2:80\n");

    auto lost = docker_container("web", routed + std::pair("mesh.docker.network", "nowhere"));
    lost.networks = web.networks;
    CHECK(shown({lost}, settings) == "web: web=10.1.0.2:80\n");
    CHECK(events({lost}, settings) ==
          std::vector<std::string>{"web provider_network_unknown nowhere"});
}

TEST_CASE("docker addresses: IPv6 where there is no IPv4; none at all is told") {
    auto web = docker_container("web", routed);
    web.networks = {{"six", {"", "fd00::2"}}};
    CHECK(shown({web}) == "web: web=fd00::2:80\n");
    web.networks = {{"none", {}}};
    web.exposed.clear();
    CHECK(shown({web}) == "web: web=\n");
    CHECK(events({web}) == std::vector<std::string>{"web provider_no_address "});
}

TEST_CASE("docker addresses: a container in the host's network is where the daemon is") {
    auto web = docker_container("web", routed);
    web.network_mode = "host";
    web.networks = {{"host", {}}};
    const auto at = [&](const std::string& url) {
        auto settings = local_docker();
        settings.endpoint.unix_socket.clear();
        settings.endpoint.url = url;
        return shown({web}, settings);
    };
    CHECK(shown({web}) == "web: web=127.0.0.1:80\n");
    CHECK(at("http://127.0.0.1:2375") == "web: web=127.0.0.1:80\n");
    CHECK(at("http://localhost:2375") == "web: web=127.0.0.1:80\n");
    CHECK(at("http://[::1]:2375") == "web: web=127.0.0.1:80\n");
    CHECK(at("https://docker.internal:2376") == "web: web=docker.internal:80\n");
    CHECK(at("https://[fd00::9]:2376") == "web: web=fd00::9:80\n");
}

TEST_CASE("docker addresses: one container in the network of another") {
    auto owner =
        docker_container("vpn", {{"mesh.docker.network", "front"}, {"mesh.enable", "false"}});
    owner.networks = {{"back", {"10.0.0.2", ""}}, {"front", {"10.1.0.2", ""}}};
    auto web = docker_container("web", routed);
    web.networks.clear();
    web.network_mode = "container:id-vpn";
    CHECK(shown({web, owner}) == "web: web=10.1.0.2:80\n");
    CHECK(shown({web}) == "web: web=:80\n");
    CHECK(events({web}) == std::vector<std::string>{"web provider_no_address id-vpn"});

    auto next = docker_container("next", routed);
    next.network_mode = "container:web";
    CHECK(shown({next, web, owner}) == "next: next=10.1.0.2:80\nweb: web=10.1.0.2:80\n");
    owner.network_mode = "container:web";  // in a circle
    CHECK(shown({web, owner}) == "web: web=:80\n");
}

TEST_CASE("docker addresses: published ports where useBindPortIP asks for them") {
    auto web = docker_container("web", routed);
    web.published = {{80, "10.9.9.9", 8000}, {81, "0.0.0.0", 8001}, {82, "::", 8002}};
    CHECK(docker_inventory(std::vector{web}, local_docker())
              .inventory.units.front()
              .instances->front()
              .published.empty());

    auto settings = local_docker();
    settings.use_bind_port_ip = true;
    const auto seen = docker_inventory(std::vector{web}, settings);
    const config::Instance& instance = seen.inventory.units.front().instances->front();
    CHECK(instance.host == "172.17.0.2");
    CHECK(instance.published ==
          std::map<std::uint16_t, config::Instance::Published>{{80, {"10.9.9.9", 8000}}});
    CHECK(seen.notices.empty());

    web.published.clear();
    CHECK(events({web}, settings) == std::vector<std::string>{"web provider_port_not_published "});
}

TEST_CASE("docker units: the order of the containers does not matter") {
    std::vector containers{docker_container("c", with_service),
                           docker_container("a", with_service),
                           docker_container("b", routed),
                           docker_container("d", {})};
    const std::string expected = shown(containers);
    do {
        CHECK(shown(containers) == expected);
    } while (std::next_permutation(
        containers.begin(), containers.end(), [](const Container& a, const Container& b) {
            return a.name < b.name;
        }));
}

TEST_CASE("docker units: those that differ in the default rule alone have one order, too") {
    std::vector<config::LabelledUnit> units(3);
    units[0].default_rule = "HostSNI(`b`)";
    units[1].default_rule = "HostSNI(`c`)";
    units[2].default_rule = "HostSNI(`a`)";
    config::sort_units(units);
    CHECK(units[0].default_rule == "HostSNI(`a`)");
    CHECK(units[1].default_rule == "HostSNI(`b`)");
    CHECK(units[2].default_rule == "HostSNI(`c`)");
}

}  // namespace mesh::providers

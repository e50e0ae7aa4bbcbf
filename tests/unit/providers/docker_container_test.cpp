#include "providers/docker_container.hpp"

#include "support/catch.hpp"

namespace mesh::providers {
namespace {

// As Docker 20.10 says it.
constexpr const char* listed_by_docker = R"json([{
  "Id": "ddb36072aff23fe8081b7cfa27172feccde3e2e440d34c3fe1a0bd92b1b894d2",
  "Names": ["/other/alias", "/web-1"], "Image": "bb:1", "Command": "sleep 1000", "Created": 1795835169,
  "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 53, "Type": "udp"}, {"PrivatePort": 81, "Type": "tcp"}],
  "Labels": {"mesh.tcp.routers.a.rule": "HostSNI(`a`)", "b": "c"},
  "State": "running", "Status": "Up 3 seconds (unhealthy)",
  "HostConfig": {"NetworkMode": "shop_net"},
  "NetworkSettings": {"Networks": {"shop_net": {"IPAMConfig": null, "IPAddress": "172.18.0.2",
                                                "GlobalIPv6Address": "fd00::2"}}},
  "Mounts": []}])json";

constexpr const char* inspected_by_docker = R"({
  "Id": "ddb36072aff2", "Created": "2026-11-28T03:06:09.680609502Z", "Name": "/web-1", "Args": ["1000"],
  "State": {"Status": "running", "Running": true, "Paused": false, "Restarting": false, "Dead": false,
            "Health": {"Status": "starting", "FailingStreak": 0, "Log": [{"ExitCode": 0}]}},
  "HostConfig": {"NetworkMode": "container:0cb91a3ef007", "PortBindings": {}},
  "Config": {"ExposedPorts": {"8080/tcp": {}, "53/udp": {}, "90/tcp": {}},
             "Labels": {"com.docker.compose.project": "shop"}, "Env": null},
  "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "10.0.0.1", "HostPort": "8000"},
                                           {"HostIp": "::1", "HostPort": "8001"}], "81/tcp": null},
                      "Networks": {}}})";

std::string why_not(const std::string& inspected) {
    const auto container = parse_container(inspected);
    return container ? "" : container.error().message;
}

TEST_CASE("docker container: an entry of a list") {
    const auto containers = parse_container_list(listed_by_docker);
    REQUIRE(containers.has_value());
    REQUIRE(containers->size() == 1);
    const Container& one = containers->front();
    CHECK(one.id.starts_with("ddb36072aff2"));
    CHECK(one.name == "web-1");
    CHECK(one.running);
    CHECK(one.health == Container::Health::unhealthy);
    CHECK(one.network_mode == "shop_net");
    CHECK(one.networks.at("shop_net") == Container::Addresses{"172.18.0.2", "fd00::2"});
    CHECK(one.exposed == std::set<std::uint16_t>{80, 81});
    CHECK(one.published == std::set<Container::PublishedPort>{{80, "0.0.0.0", 8080}});
    CHECK(one.label("mesh.tcp.routers.a.rule") == "HostSNI(`a`)");
    CHECK(one.label("mesh.tcp.routers.a").empty());
}

TEST_CASE("docker container: what inspecting one says") {
    const auto one = parse_container(inspected_by_docker);
    REQUIRE(one.has_value());
    CHECK(one->name == "web-1");
    CHECK(one->running);
    CHECK(one->health == Container::Health::starting);
    CHECK(one->network_mode == "container:0cb91a3ef007");
    CHECK(one->networks.empty());
    CHECK(one->exposed == std::set<std::uint16_t>{80, 81, 90, 8080});
    CHECK(one->published ==
          std::set<Container::PublishedPort>{{80, "10.0.0.1", 8000}, {80, "::1", 8001}});
    CHECK(one->label("com.docker.compose.project") == "shop");
}

TEST_CASE("docker container: null and what is left out are empty, as Podman and Go write it") {
    const auto one = parse_container(R"({"Id": "a1", "Name": "/x", "State": {"Running": true,
        "Health": {"Status": "", "Log": null}}, "Config": {"Labels": null}, "NetworkSettings": null})");
    REQUIRE(one.has_value());
    CHECK(one->health == Container::Health::none);
    CHECK(one->labels.empty());
    CHECK(one->exposed.empty());

    const auto listed = parse_container_list(R"([{"Id": "0123456789abcdef", "Names": null}])");
    REQUIRE(listed.has_value());
    CHECK(listed->front().name == "0123456789ab");
    CHECK(listed->front().running);
    CHECK(parse_container_list("[]")->empty());
}

TEST_CASE("docker container: a list tells health in words, in newer versions by itself") {
    const auto health = [](const std::string& members) {
        return parse_container_list(R"([{"Id": "a", )" + members + "}]")->front().health;
    };
    CHECK(health(R"x("Status": "Up 1 second (health: starting)")x") == Container::Health::starting);
    CHECK(health(R"x("Status": "Up", "Health": {"Status": "unhealthy"})x") ==
          Container::Health::unhealthy);
    CHECK(health(R"x("Status": "Up (healthy)", "Health": {"Status": "none"})x") ==
          Container::Health::healthy);
    CHECK(health(R"x("Status": "Up", "Health": null)x") == Container::Health::none);
}

TEST_CASE("docker container: one that is about to be restarted does not run") {
    const auto with_state = [](const std::string& state) {
        return parse_container(R"({"Id": "a", "State": )" + state + "}")->running;
    };
    CHECK_FALSE(with_state(R"({"Running": true, "Restarting": true})"));
    CHECK_FALSE(with_state(R"({"Running": false})"));
    CHECK(with_state(R"({"Running": true, "Paused": true})"));
    const auto listed_as = [](const std::string& state) {
        return parse_container_list(R"([{"Id": "a", "State": ")" + state + R"("}])")
            ->front()
            .running;
    };
    CHECK(listed_as("running"));
    CHECK(listed_as("paused"));
    CHECK_FALSE(listed_as("restarting"));
    CHECK_FALSE(listed_as("exited"));
}

TEST_CASE("docker container: health in the words of a list") {
    const auto health = [](const std::string& status) {
        return parse_container_list(R"([{"Id": "a", "Status": ")" + status + R"("}])")
            ->front()
            .health;
    };
    CHECK(health("Up 2 hours") == Container::Health::none);
    CHECK(health("Up 2 hours (healthy)") == Container::Health::healthy);
    CHECK(health("Up 2 seconds (health: starting)") == Container::Health::starting);
    CHECK(health("Up 2 hours (unhealthy)") == Container::Health::unhealthy);
    CHECK(health("Up 2 hours (Paused)") == Container::Health::none);
}

TEST_CASE("docker container: wrong types are errors that name the member") {
    CHECK(why_not("[]") == "the answer is not an object");
    CHECK(why_not("{}") == "Id is not the ID of a container");
    CHECK(why_not(R"({"Id": 7})") == "Id is not a text");
    CHECK(why_not(R"({"Id": "../../x"})") == "Id is not the ID of a container");
    CHECK(why_not(R"({"Id": "a", "State": []})") == "State is not an object");
    CHECK(why_not(R"({"Id": "a", "State": {"Running": "yes"}})") ==
          "State.Running is not true or false");
    CHECK(why_not(R"({"Id": "a", "Config": {"Labels": {"x": 1}}})") ==
          "Config.Labels.x is not a text");
    CHECK(why_not(R"({"Id": "a", "NetworkSettings": {"Networks": {"n": 1}}})") ==
          "NetworkSettings.Networks.n is not an object");
    CHECK(why_not(R"({"Id": "a", "NetworkSettings": {"Ports": {"80/tcp": {}}}})") ==
          "NetworkSettings.Ports.80/tcp is not a list");
    CHECK(why_not("<html>") == "not JSON, it begins \"<html>\"");
    CHECK(why_not(std::string(100, '[')) == "JSON nested deeper than 64 levels");
    CHECK(why_not("") == "not JSON, it begins \"\"");

    const auto list = [](const char* body) { return parse_container_list(body).error().message; };
    CHECK(list("{}") == "not a list of containers");
    CHECK(list(R"([{"Id": "a"}, {"Id": "b", "Names": [3]}])") ==
          "[1].Names is not a list of texts");
    CHECK(list(R"([{"Id": "a", "Ports": {}}])") == "[0].Ports is not a list");
    CHECK(list(R"([{"Id": "a", "Ports": [{"PrivatePort": "80"}]}])") ==
          "[0].Ports.PrivatePort is not a whole number");
    CHECK(list(R"([null])") == "[0].Id is not the ID of a container");
}

TEST_CASE("docker container: ports that are none are passed over") {
    const auto one =
        parse_container(R"({"Id": "a", "Config": {"ExposedPorts": {"0/tcp": {}, "70000/tcp": {},
        "x/tcp": {}, "80/sctp": {}, "90": {}}}, "NetworkSettings": {"Ports": {"91/tcp": [{"HostPort": ""}]}}})");
    REQUIRE(one.has_value());
    CHECK(one->exposed == std::set<std::uint16_t>{90, 91});
    CHECK(one->published.empty());
}

TEST_CASE("docker container: a list has a bound") {
    std::string body = "[";
    for (std::size_t i = 0; i <= containers_max; ++i) body += i == 0 ? "{}" : ",{}";
    const auto containers = parse_container_list(body + "]");
    REQUIRE_FALSE(containers.has_value());
    CHECK(containers.error().message == "more than 100000 containers");
}

}  // namespace
}  // namespace mesh::providers

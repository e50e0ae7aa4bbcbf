#pragma once
#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace mesh::providers::test {

/// A container as a daemon tells of it, in both of its forms.
struct DaemonContainer {
    std::string id;
    std::string name;
    std::map<std::string, std::string> labels;
    std::string health = {};  ///< "healthy", …
    std::string network_mode = "bridge";
    std::map<std::string, std::string> networks = {{"bridge", "172.17.0.2"}};
    std::vector<int> exposed = {80};
    bool running = true;
    bool tells_health = true;  ///< in lists; Podman does not

    [[nodiscard]] nlohmann::json networks_json() const {
        nlohmann::json all = nlohmann::json::object();
        for (const auto& [network, address] : networks)
            all[network] = {{"IPAddress", address}, {"GlobalIPv6Address", ""}};
        return {{"Networks", all}};
    }
    [[nodiscard]] nlohmann::json listed() const {
        std::string status = "Up 3 seconds";
        const std::string told = tells_health ? health : std::string();
        if (told == "starting") status += " (health: starting)";
        if (!told.empty() && told != "starting") status += " (" + told + ")";
        return {{"Id", id},
                {"Names", {"/" + name}},
                {"Labels", labels},
                {"State", running ? "running" : "exited"},
                {"Status", status},
                {"HostConfig", {{"NetworkMode", network_mode}}},
                {"NetworkSettings", networks_json()}};
    }
    [[nodiscard]] nlohmann::json inspected() const {
        nlohmann::json ports = nlohmann::json::object();
        for (const int port : exposed)
            ports[std::to_string(port) + "/tcp"] = nlohmann::json::object();
        nlohmann::json state = {{"Running", running}};
        if (!health.empty()) state["Health"] = {{"Status", health}};
        return {{"Id", id},
                {"Name", "/" + name},
                {"State", state},
                {"Config", {{"Labels", labels}, {"ExposedPorts", ports}}},
                {"HostConfig", {{"NetworkMode", network_mode}}},
                {"NetworkSettings", networks_json()}};
    }
};

}  // namespace mesh::providers::test

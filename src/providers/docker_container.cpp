#include "providers/docker_container.hpp"

#include "providers/docker_json.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace mesh::providers {
namespace {

constexpr std::size_t id_size_max = 128;
constexpr std::size_t id_size_shown = 12;

std::optional<std::uint16_t> port_number(std::string_view digits) {
    std::uint16_t port = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || port == 0)
        return std::nullopt;
    return port;
}

/// "8080/tcp"; nothing for other protocols.
std::optional<std::uint16_t> tcp_port(std::string_view text) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    const std::string_view protocol = text.substr(slash);
    if (!protocol.empty() && protocol != "/tcp" && protocol != "/TCP") return std::nullopt;
    return port_number(text.substr(0, slash));
}

std::optional<std::uint16_t> as_port(std::int64_t number) {
    if (number < 1 || number > 65'535) return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

void read_labels(const DockerMembers& labels, Container& out) {
    labels.each([&](const std::string& key, const nlohmann::json& value) {
        if (value.is_string())
            out.labels.emplace_back(key, value.get<std::string>());
        else
            labels.refuse(key, "a text");
    });
    std::sort(out.labels.begin(), out.labels.end());
}

void read_networks(const DockerMembers& networks, Container& out) {
    networks.each([&](const std::string& name, const nlohmann::json& value) {
        const DockerMembers network = networks.below(value, name);
        out.networks[name] = {network.text("IPAddress"), network.text("GlobalIPv6Address")};
    });
}

/// {"80/tcp": {}}
void read_exposed_ports(const DockerMembers& ports, Container& out) {
    ports.each([&](const std::string& text, const nlohmann::json&) {
        if (const auto port = tcp_port(text)) out.exposed.insert(*port);
    });
}

/// {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "81/tcp": null}
void read_port_map(const DockerMembers& ports, Container& out) {
    ports.each([&](const std::string& text, const nlohmann::json& bindings) {
        const auto port = tcp_port(text);
        if (!port) return;
        out.exposed.insert(*port);
        if (bindings.is_null()) return;
        if (!bindings.is_array()) return ports.refuse(text, "a list");
        for (const nlohmann::json& one : bindings) {
            const DockerMembers binding = ports.below(one, text);
            if (const auto host_port = port_number(binding.text("HostPort")))
                out.published.insert({*port, binding.text("HostIp"), *host_port});
        }
    });
}

void read_listed_ports(const DockerMembers& entry, Container& out) {
    for (const nlohmann::json& one : entry.array("Ports")) {
        const DockerMembers port = entry.below(one, "Ports");
        const auto number = as_port(port.integer("PrivatePort"));
        if (!number || port.text("Type") != "tcp") continue;
        out.exposed.insert(*number);
        if (const auto host_port = as_port(port.integer("PublicPort")))
            out.published.insert({*number, port.text("IP"), *host_port});
    }
}

/// Before version 1.52 of the API a list says it only in words, "Up 3 seconds (healthy)". Podman's
/// does not say it at all.
Container::Health listed_health(const DockerMembers& entry) {
    const auto told = docker_health(entry.object("Health").text("Status"));
    if (told != Container::Health::none) return told;
    const std::string status = entry.text("Status");
    if (status.ends_with("(healthy)")) return Container::Health::healthy;
    if (status.ends_with("(health: starting)")) return Container::Health::starting;
    if (status.ends_with("(unhealthy)")) return Container::Health::unhealthy;
    return Container::Health::none;
}

/// Links give a container further names, "/other/alias".
std::string listed_name(const DockerMembers& entry) {
    for (const nlohmann::json& one : entry.array("Names")) {
        if (!one.is_string()) {
            entry.refuse("Names", "a list of texts");
            return {};
        }
        std::string name = one.get<std::string>();
        if (name.starts_with('/')) name.erase(0, 1);
        if (!name.empty() && name.find('/') == std::string::npos) return name;
    }
    return {};
}

void finish_names(const DockerMembers& from, Container& out) {
    if (!is_container_id(out.id)) from.refuse("Id", "the ID of a container");
    if (out.name.starts_with('/')) out.name.erase(0, 1);
    if (out.name.empty()) out.name = out.id.substr(0, id_size_shown);
}

Container listed_container(const DockerMembers& entry) {
    Container out;
    out.id = entry.text("Id");
    out.name = listed_name(entry);
    finish_names(entry, out);
    read_labels(entry.object("Labels"), out);
    // What is paused goes on in a moment. Without `all` a list has only what runs, whatever the
    // word for it.
    const std::string state = entry.text("State");
    out.running = state == "running" || state == "paused" || state.empty();
    out.health = listed_health(entry);
    out.network_mode = entry.object("HostConfig").text("NetworkMode");
    read_networks(entry.object("NetworkSettings").object("Networks"), out);
    read_listed_ports(entry, out);
    return out;
}

Container inspected_container(const DockerMembers& root) {
    Container out;
    out.id = root.text("Id");
    out.name = root.text("Name");
    finish_names(root, out);
    const DockerMembers configured = root.object("Config");
    read_labels(configured.object("Labels"), out);
    const DockerMembers state = root.object("State");
    out.running =
        state.boolean("Running") && !state.boolean("Restarting") && !state.boolean("Dead");
    out.health = docker_health(state.object("Health").text("Status"));
    out.network_mode = root.object("HostConfig").text("NetworkMode");
    const DockerMembers settings = root.object("NetworkSettings");
    read_networks(settings.object("Networks"), out);
    read_exposed_ports(configured.object("ExposedPorts"), out);
    read_port_map(settings.object("Ports"), out);
    return out;
}

}  // namespace

Container::Health docker_health(std::string_view word) {
    if (word == "healthy") return Container::Health::healthy;
    if (word == "starting") return Container::Health::starting;
    if (word == "unhealthy") return Container::Health::unhealthy;
    return Container::Health::none;
}

bool is_container_id(std::string_view id) {
    constexpr std::string_view allowed =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    return !id.empty() && id.size() <= id_size_max &&
           id.find_first_not_of(allowed) == std::string_view::npos;
}

std::string_view Container::label(std::string_view key) const {
    const auto found =
        std::lower_bound(labels.begin(), labels.end(), key, [](const auto& one, auto wanted) {
            return one.first < wanted;
        });
    return found == labels.end() || found->first != key ? std::string_view() : found->second;
}

Result<std::vector<Container>> parse_container_list(std::string_view body) {
    auto document = parse_docker_json(body);
    if (!document) return document.error();
    if (!document->root.is_array())
        return Error{Errc::invalid, Origin::upstream, "not a list of containers"};
    if (document->root.size() > containers_max)
        return Error{Errc::limit,
                     Origin::upstream,
                     "more than " + std::to_string(containers_max) + " containers"};
    std::vector<Container> out;
    out.reserve(document->root.size());
    for (const nlohmann::json& one : document->root) {
        std::string wrong;
        out.push_back(listed_container({one, "[" + std::to_string(out.size()) + "]", wrong}));
        if (!wrong.empty()) return Error{Errc::invalid, Origin::upstream, wrong};
    }
    return out;
}

Result<Container> parse_container(std::string_view body) {
    auto document = parse_docker_json(body);
    if (!document) return document.error();
    std::string wrong;
    Container out = inspected_container({document->root, "", wrong});
    if (!wrong.empty()) return Error{Errc::invalid, Origin::upstream, wrong};
    return out;
}

}  // namespace mesh::providers

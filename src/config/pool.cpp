#include "config/pool.hpp"

#include "base/hostname.hpp"
#include "config/address.hpp"

#include <optional>
#include <string>
#include <utility>

namespace mesh::config {
namespace {

std::optional<std::string> usable_host(const std::string& host) {
    if (auto ip = canonical_ip(host)) return ip;
    if (const auto name = Hostname::parse(host)) return name->text();
    return std::nullopt;
}

struct Reach {
    std::optional<std::string> host;
    std::uint16_t port = 0;
};

Reach reach_of(const Instance& instance, const model::ServerSource& source) {
    const std::uint16_t port = source.port ? *source.port : instance.port.value_or(0);
    const auto elsewhere = instance.published.find(port);
    if (elsewhere == instance.published.end()) return {usable_host(instance.host), port};
    return {usable_host(elsewhere->second.host), elsewhere->second.port};
}

}  // namespace

Unusable why_unusable(const Instance& instance, const model::ServerSource& source) {
    const Reach reach = reach_of(instance, source);
    if (!reach.host) return Unusable::address;
    return reach.port == 0 ? Unusable::port : Unusable::nothing;
}

std::vector<model::Server> servers_of(const LabelledUnit& unit, const model::ServerSource& source) {
    if (!unit.instances)
        return {{unit.name, source.port.value_or(0), source.at, source.weight, source.tls}};
    std::vector<model::Server> servers;
    for (const Instance& instance : *unit.instances) {
        Reach reach = reach_of(instance, source);
        if (reach.host && reach.port != 0)
            servers.push_back(
                {std::move(*reach.host), reach.port, source.at, source.weight, source.tls});
    }
    return servers;
}

std::vector<model::Server> servers_of(const model::Service& service, const Inventory& inventory) {
    std::vector<model::Server> servers;
    for (const model::ServerSource& source : service.sources) {
        if (source.unit >= inventory.units.size()) continue;
        for (model::Server& server : servers_of(inventory.units[source.unit], source))
            servers.push_back(std::move(server));
    }
    return servers;
}

}  // namespace mesh::config

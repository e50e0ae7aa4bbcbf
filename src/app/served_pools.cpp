#include "app/served_pools.hpp"

#include "config/pool.hpp"

#include <algorithm>
#include <utility>

namespace mesh::app {
namespace {

bool same_servers(const std::vector<model::Server>& a, const std::vector<model::Server>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), model::same_server);
}

}  // namespace

std::vector<std::string> set_servers(model::Configuration& configuration,
                                     const config::Inventory& inventory) {
    std::vector<std::string> changed;
    for (auto& [name, service] : configuration.services) {
        if (service.sources.empty() || !name.ends_with('@' + inventory.provider)) continue;
        std::vector<model::Server> servers = config::servers_of(service, inventory);
        if (same_servers(service.servers, servers)) continue;
        service.servers = std::move(servers);
        changed.push_back(name);
    }
    return changed;
}

}  // namespace mesh::app

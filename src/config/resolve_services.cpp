#include "config/address.hpp"
#include "config/codes.hpp"
#include "config/pool.hpp"
#include "config/resolve.hpp"

#include <utility>

namespace mesh::config {
namespace {

constexpr const char* how_to_write_server =
    "write it like 192.0.2.7:5432, [2001:db8::7]:5432 or db.internal:5432";

model::Service resolve_service(Resolution& resolution,
                               const std::string& name,
                               const ServiceDraft& draft) {
    model::Service service{name, {}, draft.at};
    if (!draft.load_balancer) return service;
    // Its address is the provider's to say; without a provider the name and port stand for it.
    for (const ContainerServerDraft& container : draft.load_balancer->containers) {
        if (!container.inventory) {
            service.servers.push_back({container.name, container.port.value_or(0), container.at});
            continue;
        }
        service.sources.push_back({container.unit, container.port, container.at});
        const LabelledUnit& unit = container.inventory->units[container.unit];
        for (model::Server& server : servers_of(unit, service.sources.back()))
            service.servers.push_back(std::move(server));
    }
    for (const ServerDraft& server : draft.load_balancer->servers) {
        if (!server.address || server.address->unknown) continue;
        auto address = parse_server_address(server.address->value);
        if (address) {
            service.servers.push_back({std::move(address->host), address->port, server.at});
            continue;
        }
        resolution.problems().error(
            codes::bad_value,
            server.address->at,
            shown(*server.address) + " is not the address of a server: " + address.error().message,
            how_to_write_server);
    }
    return service;
}

}  // namespace

void resolve_services(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().tcp.services) {
        const Problems::Concerning concerning(
            resolution.problems(), draft.units.empty() ? std::string() : "tcp.services." + name);
        model::Service service = resolve_service(resolution, name, draft);
        if (!service.servers.empty() || !service.sources.empty())
            resolution.out.services.emplace(name, std::move(service));
    }
}

}  // namespace mesh::config

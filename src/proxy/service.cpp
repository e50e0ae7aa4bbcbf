#include "proxy/service.hpp"

#include <algorithm>

namespace mesh::proxy {

std::shared_ptr<Service> make_service(std::string name, std::vector<model::Server> servers) {
    auto service = std::make_shared<Service>();
    service->name = std::move(name);
    service->states = std::vector<ServerState>(servers.size());
    service->servers = std::move(servers);
    return service;
}

bool same_definition(const Service& service, const model::Service& definition) {
    const auto same_address = [](const model::Server& a, const model::Server& b) {
        return a.host == b.host && a.port == b.port;
    };
    return service.name == definition.name && std::equal(service.servers.begin(),
                                                         service.servers.end(),
                                                         definition.servers.begin(),
                                                         definition.servers.end(),
                                                         same_address);
}

}  // namespace mesh::proxy

#include "proxy/service.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace mesh::proxy {
namespace {

bool same_address(const model::Server& a, const model::Server& b) {
    return a.host == b.host && a.port == b.port;
}

}  // namespace

PoolPtr make_pool(const std::vector<model::Server>& servers, const Pool* previous) {
    std::map<std::pair<std::string, std::uint16_t>, std::shared_ptr<ServerState>> known;
    if (previous != nullptr)
        for (const Pool::Member& member : previous->members)
            known.emplace(std::pair(member.server.host, member.server.port), member.state);
    auto pool = std::make_shared<Pool>();
    pool->members.reserve(servers.size());
    for (const model::Server& server : servers) {
        const auto found = known.find({server.host, server.port});
        pool->members.push_back(
            {server, found != known.end() ? found->second : std::make_shared<ServerState>()});
    }
    return pool;
}

bool same_servers(const Pool& pool, const std::vector<model::Server>& servers) {
    return std::equal(pool.members.begin(),
                      pool.members.end(),
                      servers.begin(),
                      servers.end(),
                      [](const Pool::Member& member, const model::Server& server) {
                          return same_address(member.server, server);
                      });
}

ServicePtr make_service(const model::Service& definition) {
    auto service = std::make_shared<Service>();
    service->name = definition.name;
    service->is_followed = !definition.sources.empty();
    service->first = make_pool(definition.servers, nullptr);
    return service;
}

bool same_definition(const Service& service, const model::Service& definition) {
    if (service.name != definition.name || service.is_followed == definition.sources.empty())
        return false;
    return service.is_followed || same_servers(*service.first, definition.servers);
}

}  // namespace mesh::proxy

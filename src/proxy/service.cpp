#include "proxy/service.hpp"

#include "model/weights.hpp"
#include "proxy/balancer.hpp"
#include "proxy/socket_address.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace mesh::proxy {
namespace {

/// Each address once, where it comes first, with all its weight.
std::vector<model::Server> without_twins(const std::vector<model::Server>& servers) {
    std::map<std::pair<std::string_view, std::uint16_t>, std::size_t> known;
    std::vector<model::Server> out;
    out.reserve(servers.size());
    for (const model::Server& server : servers) {
        const auto [twin, is_new] = known.try_emplace({server.host, server.port}, out.size());
        if (is_new) {
            out.push_back(server);
            continue;
        }
        model::Server& first = out[twin->second];
        first.weight += server.weight;
        first.tls = std::max(first.tls, server.tls);  // in doubt, not in the clear
    }
    return out;
}

void collect(const Service& service, std::vector<const Service*>& found) {
    if (service.parts.empty()) {
        if (std::find(found.begin(), found.end(), &service) == found.end())
            found.push_back(&service);
        return;
    }
    for (const Service::Part& part : service.parts) collect(*part.service, found);
}

}  // namespace

std::vector<const Service*> with_servers_of(const Service& service) {
    std::vector<const Service*> found;
    collect(service, found);
    return found;
}

PoolPtr make_pool(const std::vector<model::Server>& servers, ServerStates& states) {
    std::vector<model::Server> single = without_twins(servers);
    std::vector<std::uint64_t> turns = model::turns_in_round(single);
    auto pool = std::make_shared<Pool>();
    pool->members.reserve(single.size());
    for (std::size_t i = 0; i < single.size(); ++i) {
        auto state = states.of(single[i].host, single[i].port);
        const bool is_named = !SocketAddress::parse(single[i].host, single[i].port);
        pool->members.push_back({std::move(single[i]), std::move(state), turns[i], is_named});
    }
    pool->round = round_of(std::move(turns));
    return pool;
}

bool same_servers(const Pool& pool, const std::vector<model::Server>& servers) {
    const std::vector<model::Server> single = without_twins(servers);
    return std::equal(pool.members.begin(),
                      pool.members.end(),
                      single.begin(),
                      single.end(),
                      [](const Pool::Member& member, const model::Server& server) {
                          return model::same_server(member.server, server);
                      });
}

ServicePtr make_service(const model::Service& definition,
                        const Service* previous,
                        std::vector<ServicePtr> parts) {
    auto service = std::make_shared<Service>();
    service->name = definition.name;
    service->is_followed = !definition.sources.empty();
    service->proxy_protocol = definition.proxy_protocol;
    service->strategy = definition.strategy;
    service->states = previous != nullptr ? previous->states : std::make_shared<ServerStates>();
    service->first = make_pool(definition.servers, *service->states);
    std::vector<std::uint64_t> turns = model::turns_in_round(definition.services);
    for (std::size_t i = 0; i < parts.size(); ++i)
        service->parts.push_back({std::move(parts[i]), turns[i]});
    service->round = round_of(std::move(turns));
    return service;
}

bool same_definition(const Service& service,
                     const model::Service& definition,
                     const std::vector<ServicePtr>& parts) {
    if (service.name != definition.name || service.is_followed == definition.sources.empty())
        return false;
    if (service.proxy_protocol != definition.proxy_protocol) return false;
    if (service.strategy != definition.strategy) return false;
    const std::vector<std::uint64_t> turns = model::turns_in_round(definition.services);
    if (service.parts.size() != parts.size()) return false;
    for (std::size_t i = 0; i < parts.size(); ++i)
        if (service.parts[i] != Service::Part{parts[i], turns[i]}) return false;
    return service.is_followed || same_servers(*service.first, definition.servers);
}

}  // namespace mesh::proxy

#include "config/address.hpp"
#include "config/codes.hpp"
#include "config/pool.hpp"
#include "config/resolve.hpp"
#include "model/weights.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

namespace mesh::config {
namespace {

constexpr const char* how_to_write_server =
    "write it like 192.0.2.7:5432, [2001:db8::7]:5432 or db.internal:5432";

model::ServerTls resolve_server_tls(Resolution& resolution, const ServerTlsDraft& draft) {
    if (!draft.start_tls_postgres)
        return draft.tls.value_or(false) ? model::ServerTls::direct : model::ServerTls::none;
    if (!draft.tls.value_or(true))
        resolution.problems().error(codes::bad_value,
                                    draft.start_tls_at,
                                    "startTLS asks for what tls: false refuses",
                                    "keep one of the two");
    return model::ServerTls::postgres;
}

bool is_in_tls(const ServerTlsDraft& draft) {
    return draft.start_tls_postgres || draft.tls.value_or(false);
}

/// What a service says itself and what its transport says must not be two things.
template <class T>
void take_from_transport(Resolution& resolution,
                         std::optional<T>& own,
                         const std::optional<T>& transports,
                         const model::Location& at,
                         const std::string& what) {
    if (!transports) return;
    if (own)
        resolution.problems().error(codes::duplicate,
                                    at,
                                    "its servers transport has " + what + " already",
                                    "keep one of the two");
    own = transports;
}

void apply_transport(Resolution& resolution,
                     const LoadBalancerDraft& draft,
                     model::Service& service) {
    if (!draft.servers_transport || draft.servers_transport->unknown) return;
    const Text& reference = *draft.servers_transport;
    const auto& defined = resolution.draft().tcp.servers_transports;
    const std::string key = qualified_name(reference.value, file_provider);
    if (!defined.contains(key))
        return resolution.report_unknown(reference, "servers transport", defined);
    service.servers_transport = key;
    const auto found = resolution.out.servers_transports.find(key);
    if (found == resolution.out.servers_transports.end()) return;
    const model::ServersTransport& transport = found->second;
    take_from_transport(resolution,
                        service.proxy_protocol,
                        transport.proxy_protocol,
                        draft.proxy_protocol ? draft.proxy_protocol->at : draft.at,
                        "proxyProtocol");
    take_from_transport(resolution,
                        service.termination_delay,
                        transport.termination_delay,
                        draft.termination_at,
                        "terminationDelay");
}

/// One address is one server, however often it is listed.
void check_same_tls(Resolution& resolution, const model::Service& service) {
    std::map<std::pair<std::string_view, std::uint16_t>, model::ServerTls> known;
    for (const model::Server& server : service.servers) {
        const auto [twin, is_new] = known.try_emplace({server.host, server.port}, server.tls);
        if (is_new || twin->second == server.tls) continue;
        resolution.problems().error(codes::bad_value,
                                    server.at,
                                    "the address stands twice, with and without TLS",
                                    "write the same tls and startTLS for both");
    }
}

const model::ServersTransport* transport_of(const Resolution& resolution,
                                            const model::Service& service) {
    const auto found = resolution.out.servers_transports.find(service.servers_transport);
    return found == resolution.out.servers_transports.end() ? nullptr : &found->second;
}

/// A server that is spoken to in the clear beside what says how TLS is spoken.
void warn_of_clear_text(Resolution& resolution,
                        const ServerTlsDraft& security,
                        const model::Location& at,
                        const std::string& server) {
    if (is_in_tls(security)) return;
    resolution.problems().warning(
        codes::upstream_tls_unused,
        at,
        server + " is spoken to in the clear: the servers transport has tls, this server has not",
        "give it tls: true");
}

void check_tls_is_used(Resolution& resolution,
                       const LoadBalancerDraft& draft,
                       const model::Service& service) {
    const model::ServersTransport* const transport = transport_of(resolution, service);
    if (transport == nullptr || !transport->has_tls) return;
    const auto in_tls = [](const auto& server) { return is_in_tls(server.security); };
    if (std::ranges::none_of(draft.servers, in_tls) &&
        std::ranges::none_of(draft.containers, in_tls)) {
        resolution.problems().warning(codes::upstream_tls_unused,
                                      draft.servers_transport->at,
                                      "this servers transport has tls, but none of the servers "
                                      "does: they are spoken to in the clear",
                                      "give each server tls: true");
        return;
    }
    for (const ContainerServerDraft& container : draft.containers)
        warn_of_clear_text(resolution, container.security, container.at, container.name);
    for (const ServerDraft& server : draft.servers)
        if (server.address && !server.address->unknown)
            warn_of_clear_text(resolution, server.security, server.at, server.address->value);
}

/// A catalog may know it by a name; where nobody knows the address yet it will be one.
bool is_known_by_name(const ContainerServerDraft& container) {
    if (!container.inventory) return false;
    const auto& instances = container.inventory->units[container.unit].instances;
    return instances && !instances->empty() &&
           std::ranges::none_of(*instances, [](const Instance& instance) {
               return canonical_ip(instance.host).has_value();
           });
}

/// Addresses of containers come and go; hardly any certificate has them.
void check_containers_have_names(Resolution& resolution,
                                 const LoadBalancerDraft& draft,
                                 const model::Service& service) {
    const model::ServersTransport* const transport = transport_of(resolution, service);
    if (transport != nullptr &&
        (!transport->tls.server_name.empty() || transport->tls.insecure_skip_verify))
        return;
    for (const ContainerServerDraft& container : draft.containers) {
        if (!is_in_tls(container.security) || is_known_by_name(container)) continue;
        resolution.problems().warning(codes::upstream_name,
                                      container.at,
                                      "without a serverName the certificate of " + container.name +
                                          " has to hold its address, as an IP SAN",
                                      "name a servers transport of the file with tls.serverName: "
                                      "loadbalancer.serverstransport=NAME@file");
    }
}

/// In the clear it would be found down, and what is sent is not meant for everybody's eyes.
void check_health_is_plain(Resolution& resolution,
                           const LoadBalancerDraft& draft,
                           const model::Service& service) {
    if (!draft.health_check || !service.speaks_tls()) return;
    const model::HealthCheck& check = draft.health_check->check;
    if (check.port || (check.send.empty() && check.expect.empty())) return;
    resolution.problems().error(codes::unsupported,
                                draft.health_check->at,
                                "send and expect of a health check are not spoken in TLS in this "
                                "version",
                                "leave both out, then accepting is enough; or name a port without "
                                "TLS");
}

model::Service resolve_service(Resolution& resolution,
                               const std::string& name,
                               const ServiceDraft& draft) {
    model::Service service{name, {}, draft.at};
    if (!draft.is_given && !draft.load_balancer)
        resolution.problems().error(codes::missing,
                                    draft.at,
                                    "\"loadBalancer\" is missing",
                                    "name its servers, or services with \"weighted\"");
    if (draft.weighted && draft.load_balancer)
        resolution.problems().error(codes::duplicate,
                                    draft.weighted->at,
                                    "\"weighted\" and \"loadBalancer\" exclude each other",
                                    "keep one of the two");
    if (!draft.load_balancer) return service;
    service.strategy = draft.load_balancer->strategy;
    if (draft.load_balancer->health_check)
        service.health_check = draft.load_balancer->health_check->check;
    if (draft.load_balancer->proxy_protocol)
        service.proxy_protocol = draft.load_balancer->proxy_protocol->version;
    service.termination_delay = draft.load_balancer->termination_delay;
    apply_transport(resolution, *draft.load_balancer, service);
    // Its address is the provider's to say; without a provider the name and port stand for it.
    for (const ContainerServerDraft& container : draft.load_balancer->containers) {
        const model::ServerTls tls = resolve_server_tls(resolution, container.security);
        if (!container.inventory) {
            service.servers.push_back(
                {container.name, container.port.value_or(0), container.at, container.weight, tls});
            continue;
        }
        service.sources.push_back(
            {container.unit, container.port, container.at, container.weight, tls});
        const LabelledUnit& unit = container.inventory->units[container.unit];
        for (model::Server& server : servers_of(unit, service.sources.back()))
            service.servers.push_back(std::move(server));
    }
    for (const ServerDraft& server : draft.load_balancer->servers) {
        if (!server.address || server.address->unknown) continue;
        auto address = parse_server_address(server.address->value);
        if (address) {
            service.servers.push_back({std::move(address->host),
                                       address->port,
                                       server.at,
                                       server.weight,
                                       resolve_server_tls(resolution, server.security)});
            continue;
        }
        resolution.problems().error(
            codes::bad_value,
            server.address->at,
            shown(*server.address) + " is not the address of a server: " + address.error().message,
            how_to_write_server);
    }
    check_weights(resolution, service);
    check_same_tls(resolution, service);
    check_tls_is_used(resolution, *draft.load_balancer, service);
    check_containers_have_names(resolution, *draft.load_balancer, service);
    check_health_is_plain(resolution, *draft.load_balancer, service);
    return service;
}

}  // namespace

void check_weights(Resolution& resolution, const model::Service& service) {
    if (!service.sources.empty()) return;
    const auto turns = service.services.empty() ? model::turns_in_round(service.servers)
                                                : model::turns_in_round(service.services);
    const std::uint64_t round = std::accumulate(turns.begin(), turns.end(), std::uint64_t{0});
    if (round == 0 && !turns.empty())
        resolution.problems().add(finding_at(Severity::warning,
                                             codes::bad_value,
                                             service.at,
                                             "all its weights are 0: it takes no connection",
                                             "give one of them a weight"));
    if (round <= model::round_max) return;
    resolution.problems().error(codes::bad_value,
                                service.at,
                                "its weights, without their common divisor, add up "
                                "to " +
                                    std::to_string(round) + "; at most " +
                                    std::to_string(model::round_max),
                                "write smaller ones in about the same proportion");
}

void resolve_services(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().tcp.services) {
        const Problems::Concerning concerning(
            resolution.problems(), draft.units.empty() ? std::string() : "tcp.services." + name);
        model::Service service = resolve_service(resolution, name, draft);
        if (!service.servers.empty() || !service.sources.empty())
            resolution.out.services.emplace(name, std::move(service));
    }
    resolve_weighted_services(resolution);
}

}  // namespace mesh::config

#include "providers/docker_address.hpp"

#include "base/ip_network.hpp"
#include "config/address.hpp"
#include "providers/docker_labels.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace mesh::providers {
namespace {

constexpr std::string_view shares_network_of = "container:";

std::string first_address(const Container::Addresses& addresses) {
    return addresses.v4.empty() ? addresses.v6 : addresses.v4;
}

/// Where the ports of the daemon's host are.
std::string docker_host(const model::ProviderEndpoint& endpoint) {
    constexpr const char* loopback = "127.0.0.1";
    if (!endpoint.unix_socket.empty()) return loopback;
    std::string host = config::host_of_url(endpoint.url);
    const auto address = IpAddress::parse(host);
    if (host == "localhost" || host == "::1" || (address && address->text().starts_with("127.")))
        return loopback;
    return host;
}

bool is_every_address(const std::string& ip) {
    return ip.empty() || ip == "0.0.0.0" || ip == "::";
}

}  // namespace

std::string_view docker_network_owner(const Container& container) {
    const std::string_view mode = container.network_mode;
    return mode.starts_with(shares_network_of) ? mode.substr(shares_network_of.size())
                                               : std::string_view();
}

DockerAddresses::DockerAddresses(std::span<const Container* const> containers,
                                 const model::DockerProvider& settings,
                                 std::vector<DockerNotice>& notices)
    : settings_(settings), notices_(notices) {
    for (const Container* container : containers) {
        by_id_or_name_.emplace(container->id, container);
        by_id_or_name_.emplace(container->name, container);
    }
}

void DockerAddresses::notice(const Container& container,
                             std::string event,
                             std::string message,
                             std::string detail) const {
    notices_.push_back({container.name, std::move(event), std::move(message), std::move(detail)});
}

const Container* DockerAddresses::owner(const Container& container) const {
    const Container* at = &container;
    for (std::size_t i = 0; i < docker_network_chain_max; ++i) {
        const std::string_view next = docker_network_owner(*at);
        if (next.empty()) return at;
        const auto found = by_id_or_name_.find(next);
        if (found == by_id_or_name_.end()) return nullptr;
        at = found->second;
    }
    return nullptr;
}

config::Instance DockerAddresses::instance(const Container& container,
                                           const std::string& network) const {
    config::Instance out;
    out.name = container.name;
    if (!container.exposed.empty()) out.port = *container.exposed.begin();
    const Container* owns_network = owner(container);
    if (owns_network == nullptr) {
        notice(container,
               "provider_no_address",
               "the container whose network this one uses is not running",
               std::string(docker_network_owner(container)));
        return out;
    }
    out.host = host(container, *owns_network, network);
    if (settings_.use_bind_port_ip) add_published(container, *owns_network, out);
    if (out.host.empty() && out.published.empty())
        notice(container, "provider_no_address", "the container has no address");
    return out;
}

std::string DockerAddresses::host(const Container& container,
                                  const Container& owner,
                                  const std::string& network) const {
    if (owner.network_mode == "host") return docker_host(settings_.endpoint);
    const std::string owner_says =
        &owner == &container ? network
                             : read_docker_labels(owner, settings_.prefixes, false).network;
    const std::string& named = owner_says.empty() ? network : owner_says;
    for (const std::string* wanted : {&named, &settings_.network}) {
        if (wanted->empty()) continue;
        const auto found = owner.networks.find(*wanted);
        if (found != owner.networks.end()) return first_address(found->second);
        notice(container,
               "provider_network_unknown",
               "the container is not in the network it should be reached in; another one is taken "
               "(a compose file's network has the project's name in front)",
               *wanted);
    }
    std::vector<std::pair<std::string, std::string>> reachable;
    for (const auto& [name, addresses] : owner.networks)
        if (std::string address = first_address(addresses); !address.empty())
            reachable.emplace_back(name, std::move(address));
    if (reachable.empty()) return {};
    if (reachable.size() > 1)
        notice(container,
               "provider_network_chosen",
               "the container is in several networks, the first by name is taken; name one by the "
               "label docker.network",
               reachable.front().first);
    return reachable.front().second;
}

// As in Traefik: a port published on every address of a host that may be anywhere is reached at the
// container's own address.
void DockerAddresses::add_published(const Container& container,
                                    const Container& owner,
                                    config::Instance& out) const {
    for (const Container::PublishedPort& one : owner.published)
        if (!is_every_address(one.host_ip))
            out.published.emplace(one.port,
                                  config::Instance::Published{one.host_ip, one.host_port});
    if (out.published.empty() && owner.network_mode != "host")
        notice(container,
               "provider_port_not_published",
               "no port of the container is published on an address of its own; it is reached at "
               "the container's address");
}

}  // namespace mesh::providers

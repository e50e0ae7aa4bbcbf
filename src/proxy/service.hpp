#pragma once
#include "model/configuration.hpp"
#include "proxy/server_state.hpp"
#include "tls/upstream_policy.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::proxy {

/// The servers of a service at one moment. What was seen of a server goes on in the next pool.
struct Pool {
    struct Member {
        model::Server server;
        std::shared_ptr<ServerState> state;
        std::uint64_t weight = 1;  ///< beside those of the others; 0: gets nothing
        bool is_named = false;     ///< by a host name: without an address, for the time being
    };
    std::vector<Member> members;       ///< none: who is routed here is closed
    std::vector<std::uint32_t> round;  ///< who comes when by turns; not empty where members are
};
using PoolPtr = std::shared_ptr<const Pool>;

/// An address that comes twice is one server with the weight of both.
[[nodiscard]] PoolPtr make_pool(const std::vector<model::Server>& servers, ServerStates& states);

/// True if a pool of these servers would be `pool`.
[[nodiscard]] bool same_servers(const Pool& pool, const std::vector<model::Server>& servers);

/// How the servers of a service are spoken to; what is absent is mesh's default.
struct ServiceTransport {
    tls::UpstreamPolicyPtr tls;  ///< null: none of them is spoken to in TLS
    std::optional<std::chrono::milliseconds> dial_timeout;
    std::optional<std::chrono::milliseconds> keep_alive;
    std::optional<std::chrono::milliseconds> termination_delay;
    bool operator==(const ServiceTransport&) const = default;
};

/// tcp.services.<name>. Outlives snapshots while its definition stays the same. Used by every
/// worker at once: the counters are relaxed, the rest immutable.
struct Service {
    /// A service that is a part of this one.
    struct Part {
        std::shared_ptr<Service> service;
        std::uint64_t weight = 1;  ///< beside those of the others; 0: gets nothing
        bool operator==(const Part&) const = default;
    };

    std::string name;
    /// A provider says what its servers are: they change while the definition stays.
    bool is_followed = false;
    std::optional<model::ProxyVersion> proxy_protocol;  ///< what its servers are sent first
    PoolPtr first;  ///< its servers; of a followed one those it began with, see PoolTable
    ServiceTransport transport;
    model::Strategy strategy = model::Strategy::wrr;
    std::shared_ptr<ServerStates> states;  ///< goes on where the definition changes
    std::vector<Part> parts;  ///< not empty: their servers are its own, and it has no others
    std::vector<std::uint32_t> round;    ///< of the parts: who comes when by turns
    std::atomic<std::uint64_t> next{0};  ///< in the round of the parts or of the pool
    std::atomic<std::uint64_t> substitutes{0};
};
using ServicePtr = std::shared_ptr<Service>;

/// Those whose servers are `service`'s: itself, or those it is made of, drained ones too, each
/// once. They stay while it is held.
[[nodiscard]] std::vector<const Service*> with_servers_of(const Service& service);

/// `previous`: the service of the same name before, whose servers go on; may be null. `parts`: the
/// services it is made of, in the order of the definition.
[[nodiscard]] ServicePtr make_service(const model::Service& definition,
                                      const Service* previous = nullptr,
                                      std::vector<ServicePtr> parts = {});

/// True if `service` was made from a definition with the same options and the same servers in the
/// same order, or servers that a provider says in both, and of these very `parts`.
[[nodiscard]] bool same_definition(const Service& service,
                                   const model::Service& definition,
                                   const std::vector<ServicePtr>& parts = {});

}  // namespace mesh::proxy

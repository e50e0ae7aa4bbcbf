#pragma once
#include "model/configuration.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mesh::proxy {

/// What the workers have seen of one server; shared by all of them.
struct ServerState {
    std::atomic<bool> down{false};  ///< the last attempt to reach it failed
};

/// The servers of a service at one moment. What was seen of a server goes on in the next pool.
struct Pool {
    struct Member {
        model::Server server;
        std::shared_ptr<ServerState> state;
    };
    std::vector<Member> members;  ///< none: who is routed here is closed
};
using PoolPtr = std::shared_ptr<const Pool>;

/// `previous` may be null.
[[nodiscard]] PoolPtr make_pool(const std::vector<model::Server>& servers, const Pool* previous);

/// True if a pool of these servers would be `pool`.
[[nodiscard]] bool same_servers(const Pool& pool, const std::vector<model::Server>& servers);

/// tcp.services.<name>. Outlives snapshots while its definition stays the same. Used by every
/// worker at once: the counter is relaxed, the rest immutable.
struct Service {
    std::string name;
    /// A provider says what its servers are: they change while the definition stays.
    bool is_followed = false;
    PoolPtr first;  ///< its servers; of a followed one those it began with, see PoolTable
    std::atomic<std::uint32_t> next{0};  ///< round robin
};
using ServicePtr = std::shared_ptr<Service>;

[[nodiscard]] ServicePtr make_service(const model::Service& definition);

/// True if `service` was made from a definition with the same servers in the same order, or if a
/// provider says what they are in both.
[[nodiscard]] bool same_definition(const Service& service, const model::Service& definition);

}  // namespace mesh::proxy

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

/// The servers of tcp.services.<name>. Outlives snapshots while its definition stays the same.
/// Used by every worker at once: the counter is relaxed, the list immutable.
struct Service {
    std::string name;
    std::vector<model::Server> servers;
    std::vector<ServerState> states;     ///< one per server
    std::atomic<std::uint32_t> next{0};  ///< round robin
};

[[nodiscard]] std::shared_ptr<Service> make_service(std::string name,
                                                    std::vector<model::Server> servers);

/// True if `service` was made from a definition with the same servers in the same order.
[[nodiscard]] bool same_definition(const Service& service, const model::Service& definition);

}  // namespace mesh::proxy

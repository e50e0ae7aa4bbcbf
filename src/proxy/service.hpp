#pragma once
#include "model/configuration.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mesh::proxy {

/// The servers of tcp.services.<name>. Outlives snapshots while its definition stays the same.
/// Used by every worker at once: the counter is relaxed, the list immutable.
struct Service {
    std::string name;
    std::vector<model::Server> servers;
    std::atomic<std::uint32_t> next{0};  ///< round robin
};

}  // namespace mesh::proxy

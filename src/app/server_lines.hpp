#pragma once
#include "base/clock.hpp"
#include "model/configuration.hpp"
#include "proxy/snapshot.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace mesh::app {

/// What `mesh status` shows of a server.
struct ServerLine {
    std::string service;
    std::string server;
    proxy::ServerState::Standing standing = proxy::ServerState::Standing::in;
    std::optional<WallTime> since;  ///< it is held for that; nothing: since it is known
    std::string reason;             ///< why it is out or down; empty: it is in
    std::size_t connections = 0;    ///< being dialled, and established
    unsigned weight = 1;
};

struct ServerLines {
    std::size_t servers = 0;
    std::size_t out = 0;            ///< left out because they could not be reached
    std::size_t down = 0;           ///< by their health checks
    std::vector<ServerLine> lines;  ///< those that are out or down first
};

/// Of the services that routers lead to, `lines_max` lines at most. The clocks are read at once.
[[nodiscard]] ServerLines server_lines(const model::Configuration& configuration,
                                       const proxy::Snapshot& snapshot,
                                       const Clock& clock,
                                       std::size_t lines_max);

}  // namespace mesh::app

#include "app/server_lines.hpp"

#include <chrono>
#include <iterator>
#include <utility>

namespace mesh::app {
namespace {

using Standing = proxy::ServerState::Standing;

ServerLine line_of(const std::string& service,
                   const model::Server& server,
                   const proxy::ServerState& state,
                   const Clock& clock) {
    ServerLine line;
    line.service = service;
    line.server = server.text();
    line.weight = server.weight;
    line.standing = state.standing(clock.steady_now());
    line.connections = state.connections();
    const proxy::ServerStory::Told told = state.story.told();
    if (told.since != SteadyTime{})
        line.since = std::chrono::time_point_cast<WallTime::duration>(
            clock.now() - (clock.steady_now() - told.since));
    // One failed dial is remembered, and puts nobody out.
    if (line.standing != Standing::in) line.reason = told.reason;
    return line;
}

}  // namespace

ServerLines server_lines(const model::Configuration& configuration,
                         const proxy::Snapshot& snapshot,
                         const Clock& clock,
                         std::size_t lines_max) {
    ServerLines all;
    std::vector<ServerLine> in;
    for (const auto& [name, service] : snapshot.services) {
        const auto definition = configuration.services.find(name);
        if (definition == configuration.services.end()) continue;
        for (const model::Server& server : definition->second.servers) {
            ServerLine line =
                line_of(name, server, *service->states->of(server.host, server.port), clock);
            ++all.servers;
            if (line.standing == Standing::down) ++all.down;
            if (line.standing == Standing::out || line.standing == Standing::due) ++all.out;
            std::vector<ServerLine>& lines = line.standing == Standing::in ? in : all.lines;
            if (lines.size() < lines_max) lines.push_back(std::move(line));
        }
    }
    for (ServerLine& line : in) {
        if (all.lines.size() == lines_max) break;
        all.lines.push_back(std::move(line));
    }
    return all;
}

}  // namespace mesh::app

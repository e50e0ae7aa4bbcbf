#pragma once
#include "base/result.hpp"
#include "providers/docker_container.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace mesh::providers {

/// What an event of a daemon means to a provider.
struct DockerEvent {
    bool matters = false;   ///< what runs, or where it is reached, may differ now
    std::string container;  ///< ID of what it is about; empty: not known, so any
    /// It says no more than that the container's health is this now, perhaps as it was before.
    std::optional<Container::Health> health = std::nullopt;
};

/// A line of GET /events. Docker's and Podman's words; unknown ones matter. Errors (invalid): no
/// event, such as a daemon's refusal, with what it said.
[[nodiscard]] Result<DockerEvent> parse_docker_event(std::string_view line);

/// Whether a line says no more than that a health check ran, which happens all the time: these need
/// not be parsed.
[[nodiscard]] bool is_docker_noise(std::string_view line);

}  // namespace mesh::providers

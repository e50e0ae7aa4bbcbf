#pragma once
#include "config/inventory.hpp"
#include "model/providers.hpp"
#include "providers/docker_address.hpp"
#include "providers/docker_container.hpp"

#include <span>
#include <string>
#include <vector>

namespace mesh::providers {

/// What a look at a daemon comes to.
struct DockerInventory {
    config::Inventory inventory;
    std::vector<DockerNotice> notices;
};

/// The name that a container's labels mean where they name no service: its compose service and
/// project, else its own, normalised.
[[nodiscard]] std::string docker_unit_name(const Container& container);

/// Containers as units. `containers` are all that run, inspected where they are wanted by their
/// labels or own the network of one that is. Containers that say the same, and whose labels do not
/// mean their own name, are one unit. A pure function of its arguments: their order does not
/// matter.
[[nodiscard]] DockerInventory docker_inventory(std::span<const Container> containers,
                                               const model::DockerProvider& settings);

}  // namespace mesh::providers

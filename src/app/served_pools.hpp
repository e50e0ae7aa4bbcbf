#pragma once
#include "config/inventory.hpp"
#include "model/configuration.hpp"

#include <string>
#include <vector>

namespace mesh::app {

/// Gives the services whose servers come from this inventory's provider those it has now. The
/// configuration was read with an inventory of the same definitions. Returns the names of services
/// whose servers are others than before.
std::vector<std::string> set_servers(model::Configuration& configuration,
                                     const config::Inventory& inventory);

}  // namespace mesh::app

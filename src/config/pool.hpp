#pragma once
#include "config/inventory.hpp"
#include "model/configuration.hpp"

#include <vector>

namespace mesh::config {

/// The servers of a service whose `sources` count in the units of `inventory`: what reading the
/// whole configuration anew with it would give, where units differ in instances only. Instances
/// without a usable address or port are left out.
[[nodiscard]] std::vector<model::Server> servers_of(const model::Service& service,
                                                    const Inventory& inventory);

/// The same for one unit. Without known instances its name stands for the address.
[[nodiscard]] std::vector<model::Server> servers_of(const LabelledUnit& unit,
                                                    const model::ServerSource& source);

/// What keeps an instance from being a server.
enum class Unusable { nothing, address, port };
[[nodiscard]] Unusable why_unusable(const Instance& instance, const model::ServerSource& source);

}  // namespace mesh::config

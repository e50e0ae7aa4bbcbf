#pragma once
#include "config/inventory.hpp"
#include "model/providers.hpp"
#include "providers/consul_wire.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace mesh::providers {

inline constexpr const char* consul_provider_name = "consulcatalog";

/// Whether a service with these tags (those of all its instances) can define anything: the
/// constraints hold, and some tag is a label of ours, or routers have a default rule. One that is
/// switched off is not wanted, one whose switch cannot be read is.
[[nodiscard]] bool is_wanted(std::span<const std::string> tags,
                             const model::ConsulCatalogProvider& settings);

/// What one service defines.
struct ConsulUnits {
    std::vector<config::LabelledUnit> units;  ///< sorted
    /// Instances: not exposed, in a state not served, or proxies of the service mesh.
    std::size_t left_out = 0;
    std::string trouble;  ///< why the default rule cannot be filled in; empty: nothing
};

/// Instances that say the same in the labels of ours are one unit. A unit all of whose instances
/// are in a state that is not served from stays, with no instances. Constraints are not looked at.
/// Proxies of Consul's service mesh are left out: they have the tags of their service, and expect
/// its certificates of who connects.
[[nodiscard]] ConsulUnits units_of(const std::string& service,
                                   std::span<const ConsulInstance> instances,
                                   const model::ConsulCatalogProvider& settings);

}  // namespace mesh::providers

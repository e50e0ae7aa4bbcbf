#pragma once
#include "config/inventory.hpp"

#include <algorithm>

namespace mesh::providers {

/// Whether two inventories with the same definitions have the same instances too.
[[nodiscard]] inline bool same_instances(const config::Inventory& a, const config::Inventory& b) {
    return std::equal(a.units.begin(),
                      a.units.end(),
                      b.units.begin(),
                      b.units.end(),
                      [](const config::LabelledUnit& x, const config::LabelledUnit& y) {
                          return x.instances == y.instances;
                      });
}

}  // namespace mesh::providers

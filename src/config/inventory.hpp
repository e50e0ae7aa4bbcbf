#pragma once
#include "config/labels.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::config {

/// One running container, or one instance of a catalog's service: a server.
struct Instance {
    /// Where a port of it can be reached from here.
    struct Published {
        std::string host;
        std::uint16_t port = 0;
        bool operator==(const Published&) const = default;
    };

    std::string name;  ///< in messages: "web-1", "web-1 on node-a"
    std::string host;  ///< IP literal or host name; empty: it has no address
    /// Where the labels name no port: the registered or the lowest exposed one.
    std::optional<std::uint16_t> port = std::nullopt;
    /// Ports that are reached elsewhere than at `host`, by the port the labels name.
    std::map<std::uint16_t, Published> published = {};
    bool operator==(const Instance&) const = default;
};

/// A container or a service of a catalog, with what it says of itself. Containers that say the
/// same and differ in nothing the labels refer to are one unit with several instances.
struct LabelledUnit {
    std::string name;                           ///< what labels that name no service mean
    std::string provider;                       ///< "docker", "consulcatalog"
    std::shared_ptr<const std::string> source;  ///< LabelReading::source: "container web"
    std::vector<Label> labels;
    std::string default_rule = {};  ///< of routers without one, filled in; empty: there is none
    /// Nothing: not known, because the labels are from a file that is checked. Empty: none can be
    /// served from now.
    std::optional<std::vector<Instance>> instances = std::nullopt;
};

/// None of its instances can be served from now.
[[nodiscard]] bool is_absent(const LabelledUnit& unit);

/// All that a provider knows at one moment. Complete, never a difference.
struct Inventory {
    std::string provider;
    std::vector<LabelledUnit> units;  ///< sorted by name, then labels, then rule
    std::size_t left_out = 0;         ///< seen, and not wanted by options, labels or health
};
using InventoryPtr = std::shared_ptr<const Inventory>;

/// Whether they differ in instances at most: the same units with the same labels in the same order.
[[nodiscard]] bool same_definitions(const Inventory& a, const Inventory& b);

/// Whether units of one name, which may contradict each other, have ceased or begun to serve:
/// then other objects count. Of inventories with the same definitions.
[[nodiscard]] bool differ_in_presence(const Inventory& a, const Inventory& b);

/// Units of one provider, with labels and instances in one order whatever order the daemon gave.
void sort_units(std::vector<LabelledUnit>& units);

}  // namespace mesh::config

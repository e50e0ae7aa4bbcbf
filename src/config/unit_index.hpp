#pragma once
#include "config/inventory.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mesh::config {

/// What a unit is called: its name, which labels may change, and its source.
[[nodiscard]] std::vector<std::string> names_of_unit(const LabelledUnit& unit);

/// The units of today, by what is known of them from before.
class UnitIndex {
 public:
    struct Place {
        InventoryPtr inventory;
        std::size_t unit = 0;
    };

    void add(const InventoryPtr& inventory);

    /// Whether one of the provider is called so.
    [[nodiscard]] bool knows(const std::string& name, std::string_view provider) const;
    [[nodiscard]] bool knows_source(const std::string& source, std::string_view provider) const;

    /// Where the unit of before is today: of its source; else of its name and labels; else of its
    /// name, if that one was not there before. Names need not tell units apart, nor stay.
    [[nodiscard]] std::optional<Place> today(const InventoryPtr& before, std::size_t unit);

 private:
    using Id = std::size_t;
    [[nodiscard]] std::optional<Id> of_source(const LabelledUnit& before) const;
    [[nodiscard]] std::optional<Id> of_labels(const LabelledUnit& before) const;
    [[nodiscard]] std::optional<Id> new_of_name(const InventoryPtr& before, const std::string& key);
    [[nodiscard]] const LabelledUnit& unit(Id id) const;

    std::vector<Place> units_;
    std::map<std::string, std::vector<Id>> by_name_;      ///< "NAME@PROVIDER"
    std::map<std::string, std::vector<Id>> by_source_;    ///< "SOURCE@PROVIDER"
    std::unordered_multimap<std::size_t, Id> by_labels_;  ///< a hash of name and labels
    /// What was asked for, of each inventory of before.
    std::map<InventoryPtr, std::set<std::string>> sources_before_;
    std::map<std::pair<InventoryPtr, std::string>, std::optional<Id>> new_of_name_;
};

}  // namespace mesh::config

#include "config/inventory.hpp"

#include <algorithm>
#include <tuple>

namespace mesh::config {
namespace {

bool same_label(const Label& a, const Label& b) {
    return a.key == b.key && a.value == b.value;
}

bool label_before(const Label& a, const Label& b) {
    return std::tie(a.key, a.value) < std::tie(b.key, b.value);
}

bool labels_before(const std::vector<Label>& a, const std::vector<Label>& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), label_before);
}

bool same_definition(const LabelledUnit& a, const LabelledUnit& b) {
    return a.name == b.name && a.default_rule == b.default_rule &&
           std::equal(
               a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(), same_label);
}

}  // namespace

bool same_definitions(const Inventory& a, const Inventory& b) {
    return a.provider == b.provider &&
           std::equal(
               a.units.begin(), a.units.end(), b.units.begin(), b.units.end(), same_definition);
}

bool differ_in_presence(const Inventory& a, const Inventory& b) {
    for (std::size_t i = 0; i < a.units.size(); ++i) {
        const bool has_namesake =
            (i > 0 && a.units[i - 1].name == a.units[i].name) ||
            (i + 1 < a.units.size() && a.units[i + 1].name == a.units[i].name);
        if (has_namesake && is_absent(a.units[i]) != is_absent(b.units[i])) return true;
    }
    return false;
}

bool is_absent(const LabelledUnit& unit) {
    return unit.instances && unit.instances->empty();
}

void sort_units(std::vector<LabelledUnit>& units) {
    for (LabelledUnit& unit : units) {
        std::sort(unit.labels.begin(), unit.labels.end(), label_before);
        if (unit.instances)
            std::sort(unit.instances->begin(),
                      unit.instances->end(),
                      [](const Instance& a, const Instance& b) { return a.name < b.name; });
    }
    std::sort(units.begin(), units.end(), [](const LabelledUnit& a, const LabelledUnit& b) {
        if (a.name != b.name) return a.name < b.name;
        if (labels_before(a.labels, b.labels)) return true;
        if (labels_before(b.labels, a.labels)) return false;
        return a.default_rule < b.default_rule;
    });
}

}  // namespace mesh::config

#include "config/unit_index.hpp"

#include <algorithm>
#include <functional>

namespace mesh::config {
namespace {

std::string of_provider(const std::string& name, std::string_view provider) {
    return name + '@' + std::string(provider);
}

bool says_the_same(const LabelledUnit& a, const LabelledUnit& b) {
    return a.name == b.name && a.provider == b.provider &&
           std::equal(
               a.labels.begin(),
               a.labels.end(),
               b.labels.begin(),
               b.labels.end(),
               [](const Label& x, const Label& y) { return x.key == y.key && x.value == y.value; });
}

std::size_t hash_of(const LabelledUnit& unit) {
    std::size_t hash = std::hash<std::string>()(unit.name);
    const auto mix = [&](const std::string& text) {
        hash = hash * 31 + std::hash<std::string>()(text);
    };
    mix(unit.provider);
    for (const Label& label : unit.labels) {
        mix(label.key);
        mix(label.value);
    }
    return hash;
}

}  // namespace

std::vector<std::string> names_of_unit(const LabelledUnit& unit) {
    return {unit.name, *unit.source};
}

void UnitIndex::add(const InventoryPtr& inventory) {
    for (std::size_t i = 0; i < inventory->units.size(); ++i) {
        const LabelledUnit& unit = inventory->units[i];
        const Id id = units_.size();
        units_.push_back({inventory, i});
        by_name_[of_provider(unit.name, unit.provider)].push_back(id);
        by_source_[of_provider(*unit.source, unit.provider)].push_back(id);
        by_labels_.emplace(hash_of(unit), id);
    }
}

bool UnitIndex::knows(const std::string& name, std::string_view provider) const {
    return by_name_.contains(of_provider(name, provider)) || knows_source(name, provider);
}

bool UnitIndex::knows_source(const std::string& source, std::string_view provider) const {
    return by_source_.contains(of_provider(source, provider));
}

std::optional<UnitIndex::Place> UnitIndex::today(const InventoryPtr& before, std::size_t unit) {
    const LabelledUnit& known = before->units[unit];
    auto found = of_source(known);
    if (!found) found = of_labels(known);
    if (!found) found = new_of_name(before, of_provider(known.name, known.provider));
    if (!found) return std::nullopt;
    return units_[*found];
}

std::optional<UnitIndex::Id> UnitIndex::of_source(const LabelledUnit& before) const {
    const auto found = by_source_.find(of_provider(*before.source, before.provider));
    if (found == by_source_.end()) return std::nullopt;
    for (const Id id : found->second)
        if (says_the_same(unit(id), before)) return id;
    return found->second.front();
}

std::optional<UnitIndex::Id> UnitIndex::of_labels(const LabelledUnit& before) const {
    const auto [begin, end] = by_labels_.equal_range(hash_of(before));
    std::optional<Id> first;
    for (auto one = begin; one != end; ++one)
        if ((!first || one->second < *first) && says_the_same(unit(one->second), before))
            first = one->second;
    return first;
}

std::optional<UnitIndex::Id> UnitIndex::new_of_name(const InventoryPtr& before,
                                                    const std::string& key) {
    const auto [known, fresh] = new_of_name_.try_emplace({before, key});
    if (!fresh) return known->second;
    const auto named = by_name_.find(key);
    if (named == by_name_.end()) return std::nullopt;
    const auto [sources, first_time] = sources_before_.try_emplace(before);
    if (first_time)
        for (const LabelledUnit& one : before->units) sources->second.insert(*one.source);
    for (const Id id : named->second)
        if (!sources->second.contains(*unit(id).source)) {
            known->second = id;
            break;
        }
    return known->second;
}

const LabelledUnit& UnitIndex::unit(Id id) const {
    return units_[id].inventory->units[units_[id].unit];
}

}  // namespace mesh::config

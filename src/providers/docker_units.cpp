#include "providers/docker_units.hpp"

#include "config/default_rule.hpp"
#include "config/normalized_name.hpp"
#include "config/quote.hpp"
#include "providers/docker_labels.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

namespace mesh::providers {
namespace {

constexpr std::size_t container_name_shown_max = 120;

/// As Compose says it, else the container's own.
std::string docker_service_name(const Container& container) {
    const std::string_view project = container.label("com.docker.compose.project");
    const std::string_view service = container.label("com.docker.compose.service");
    if (project.empty() || service.empty()) return container.name;
    return std::string(service).append("_").append(project);
}

bool has_health_to_serve(const Container& container) {
    return container.health == Container::Health::none ||
           container.health == Container::Health::healthy;
}

/// Puts containers together that say the same.
class DockerUnits {
 public:
    explicit DockerUnits(const model::DockerProvider& settings,
                         const DockerAddresses& addresses,
                         std::vector<DockerNotice>& notices)
        : settings_(settings), addresses_(addresses), notices_(notices) {}

    void add(const Container& container) {
        DockerLabels labels =
            read_docker_labels(container, settings_.prefixes, !settings_.default_rule.empty());
        std::string rule = labels.lack_rule ? default_rule(container) : std::string();
        // The name of a unit that means none stays the same whichever of its containers stops.
        std::string name = labels.mean_own_name ? docker_unit_name(container) : labels.first_name;
        auto [entry, fresh] =
            units_.try_emplace(std::tuple(std::move(name), rule, std::move(labels.said)));
        config::LabelledUnit& unit = entry->second;
        if (fresh) {
            unit.name = std::get<0>(entry->first);
            unit.provider = "docker";
            unit.source = std::make_shared<const std::string>(
                "container " + config::printable(container.name, container_name_shown_max));
            unit.labels = std::move(labels.own);
            unit.default_rule = std::move(rule);
            unit.instances.emplace();
        }
        if (has_health_to_serve(container))
            unit.instances->push_back(addresses_.instance(container, labels.network));
    }

    [[nodiscard]] std::vector<config::LabelledUnit> take() {
        std::vector<config::LabelledUnit> out;
        out.reserve(units_.size());
        for (auto& [said, unit] : units_) out.push_back(std::move(unit));
        config::sort_units(out);
        return out;
    }

 private:
    /// Name, default rule, and what the labels say.
    using Said = std::tuple<std::string, std::string, decltype(DockerLabels::said)>;

    [[nodiscard]] std::string default_rule(const Container& container) const;

    const model::DockerProvider& settings_;
    const DockerAddresses& addresses_;
    std::vector<DockerNotice>& notices_;
    std::map<Said, config::LabelledUnit> units_;
};

std::string DockerUnits::default_rule(const Container& container) const {
    if (settings_.default_rule.empty()) return {};
    const std::string name = docker_service_name(container);
    auto rule = config::expand_default_rule(settings_.default_rule,
                                            {name, container.name, container.labels});
    if (rule) return std::move(*rule);
    notices_.push_back({container.name,
                        "provider_default_rule",
                        "the default rule cannot be filled in for a container",
                        rule.error().message});
    return {};
}

}  // namespace

std::string docker_unit_name(const Container& container) {
    return config::normalized_name(docker_service_name(container));
}

DockerInventory docker_inventory(std::span<const Container> containers,
                                 const model::DockerProvider& settings) {
    DockerInventory out;
    out.inventory.provider = "docker";
    std::vector<const Container*> by_name;
    for (const Container& container : containers) by_name.push_back(&container);
    std::sort(by_name.begin(), by_name.end(), [](const Container* a, const Container* b) {
        return std::tie(a->name, a->id) < std::tie(b->name, b->id);
    });
    const DockerAddresses addresses(by_name, settings, out.notices);
    DockerUnits units(settings, addresses, out.notices);
    for (const Container* container : by_name) {
        if (container->running && is_wanted_by_labels(*container, settings) &&
            (has_health_to_serve(*container) || settings.allow_empty_services))
            units.add(*container);
        else
            ++out.inventory.left_out;
    }
    out.inventory.units = units.take();
    return out;
}

}  // namespace mesh::providers

#pragma once
#include "config/inventory.hpp"
#include "config/load.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Containers and services of a catalog, as a provider hands them on.
namespace mesh::test {

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

/// One server at 10.0.0.1:80.
inline std::vector<config::Instance> one_instance(const std::string& host = "10.0.0.1",
                                                  std::optional<std::uint16_t> port = 80) {
    return {{host, host, port, {}}};
}

inline config::LabelledUnit container(const std::string& name,
                                      const LabelPairs& labels,
                                      std::vector<config::Instance> instances = one_instance()) {
    config::LabelledUnit unit;
    unit.name = name;
    unit.provider = "docker";
    unit.source = std::make_shared<const std::string>("container " + name);
    for (const auto& [key, value] : labels) unit.labels.push_back({key, value, 0, 0});
    unit.instances = std::move(instances);
    return unit;
}

inline config::InventoryPtr inventory(std::vector<config::LabelledUnit> units) {
    auto out = std::make_shared<config::Inventory>();
    out->provider = units.empty() ? "docker" : units.front().provider;
    config::sort_units(units);
    out->units = std::move(units);
    return out;
}

/// A running mesh: each load knows what the one before applied.
class Running {
 public:
    explicit Running(std::string files) : files_(std::move(files)) {}

    /// The main file from now on.
    Running& with(std::string files) {
        files_ = std::move(files);
        return *this;
    }

    const config::LoadResult& load(std::vector<config::InventoryPtr> inventories) {
        const config::Isolation isolation{draft_, {}};
        config::LoadOptions options;
        options.isolation = &isolation;
        options.inventories = std::move(inventories);
        result_ = config::load_text(files_, "/etc/mesh/mesh.yaml", options);
        if (result_.configuration) draft_ = result_.draft;
        return result_;
    }
    const config::LoadResult& load(std::vector<config::LabelledUnit> units) {
        return load({inventory(std::move(units))});
    }

 private:
    std::string files_;
    std::shared_ptr<const config::Draft> draft_;
    config::LoadResult result_;
};

inline std::string all_findings(const config::LoadResult& result) {
    std::string out;
    for (const config::Finding& finding : result.findings) out += render(finding) + '\n';
    return out;
}

/// "router a@docker: RULE -> b@docker", "closed router …", "service b@docker: 10.0.0.1:80", one
/// line each; of providers only.
inline std::string labelled_objects(const config::LoadResult& result) {
    if (!result.configuration) return "refused\n";
    std::string out;
    for (const auto& [name, router] : result.configuration->routers) {
        if (name.find('@') == std::string::npos && !router.closed) continue;
        out += (router.closed ? "closed router " : "router ") + name + ": " + router.rule.text();
        if (!router.closed) out += " -> " + router.service.value;
        for (const std::string& middleware : router.middlewares) out += " via " + middleware;
        out += router.tls ? ", tls" : "";
        if (router.entry_points.size() > 1) out += ", everywhere";
        out += '\n';
    }
    for (const auto& [name, service] : result.configuration->services) {
        if (name.find('@') == std::string::npos) continue;
        out += "service " + name + ':';
        for (const auto& server : service.servers) out += ' ' + server.text();
        out += '\n';
    }
    return out;
}

/// "tcp.routers.a@docker stale", one line each.
inline std::string isolated_objects(const config::LoadResult& result) {
    std::string out;
    for (const config::Isolated& one : result.isolated)
        out += one.path + ' ' + std::string(to_string(one.state)) +
               (one.of_labels ? "" : " of files") + '\n';
    return out;
}

}  // namespace mesh::test

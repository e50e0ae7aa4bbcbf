#include "app/restart_needed.hpp"

#include "config/codes.hpp"
#include "config/problems.hpp"

#include <string>

namespace mesh::app {
namespace {

constexpr const char* hint =
    "this needs a restart in this version; what runs goes on as it was until then";

class Comparison {
 public:
    Comparison(const model::Configuration& running, const model::Configuration& next)
        : running_(running), next_(next) {}

    void entry_points() {
        for (const auto& [name, entry_point] : next_.entry_points) {
            const auto found = running_.entry_points.find(name);
            if (found == running_.entry_points.end()) {
                changed("entryPoints." + name, "an entry point was added", entry_point.at);
                continue;
            }
            if (found->second.address != entry_point.address)
                changed("entryPoints." + name + ".address",
                        "the address changed from " + found->second.address.text() + " to " +
                            entry_point.address.text(),
                        entry_point.at);
            if (found->second.reuse_port != entry_point.reuse_port)
                changed("entryPoints." + name + ".reusePort", "it changed", entry_point.at);
        }
        for (const auto& [name, entry_point] : running_.entry_points)
            if (!next_.entry_points.contains(name))
                changed("entryPoints." + name, "an entry point was removed", {});
    }

    void storage(bool has_store) {
        const auto first = next_.resolvers.begin();
        const bool none = first == next_.resolvers.end();
        const std::string option =
            none ? "certificatesResolvers" : "certificatesResolvers." + first->first;
        const model::Location at = none ? model::Location{} : first->second.at;
        if (!has_store && !none)
            changed(option, "the first resolver was added, and no store is open", at);
        // Without resolvers too: commands look for the process beside the store.
        if (has_store && running_.storage != next_.storage)
            changed(none ? option : option + ".acme.storage",
                    "the store changed from " + running_.storage + " to " + next_.storage,
                    at);
    }

    void process() {
        if (running_.workers != next_.workers) changed("workers", "it changed", {});
        if (running_.log.level != next_.log.level) changed("log.level", "it changed", {});
        if (running_.log.format != next_.log.format) changed("log.format", "it changed", {});
        if (running_.log.file_path != next_.log.file_path)
            changed("log.filePath", "it changed", {});
    }

    std::vector<config::Finding> findings;

 private:
    void changed(const std::string& option, const std::string& what, const model::Location& at) {
        auto finding = config::finding_at(
            config::Severity::error, config::codes::needs_restart, at, what, hint);
        finding.path = option;
        findings.push_back(std::move(finding));
    }

    const model::Configuration& running_;
    const model::Configuration& next_;
};

}  // namespace

std::vector<config::Finding> restart_needed(const model::Configuration& running,
                                            const model::Configuration& next,
                                            bool has_store) {
    Comparison comparison(running, next);
    comparison.entry_points();
    comparison.storage(has_store);
    comparison.process();
    return std::move(comparison.findings);
}

model::Configuration restart_options(const model::Configuration& running) {
    model::Configuration options;
    options.entry_points = running.entry_points;
    options.storage = running.storage;
    options.workers = running.workers;
    options.log = running.log;
    return options;
}

}  // namespace mesh::app

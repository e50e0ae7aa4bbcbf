#include "app/restart_needed.hpp"

#include "config/codes.hpp"
#include "config/problems.hpp"

namespace mesh::app {
namespace {

constexpr const char* hint = "this needs a restart; what runs goes on as it was until then";

config::Finding changed(const std::string& option,
                        const std::string& what,
                        const model::Location& at) {
    auto finding =
        config::finding_at(config::Severity::error, config::codes::needs_restart, at, what, hint);
    finding.path = option;
    return finding;
}

}  // namespace

std::vector<config::Finding> restart_needed(const model::Configuration& running,
                                            const model::Configuration& next,
                                            const std::string& store) {
    std::vector<config::Finding> findings;
    if (!store.empty() && !next.resolvers.empty() && next.storage != store) {
        const auto& [name, resolver] = *next.resolvers.begin();
        findings.push_back(changed("certificatesResolvers." + name + ".acme.storage",
                                   "the store changed from " + store + " to " + next.storage,
                                   resolver.at));
    }
    if (running.workers != next.workers)
        findings.push_back(changed("workers", "the number of workers changed", {}));
    return findings;
}

model::Configuration restart_options(const model::Configuration& running) {
    model::Configuration options;
    options.workers = running.workers;
    return options;
}

}  // namespace mesh::app

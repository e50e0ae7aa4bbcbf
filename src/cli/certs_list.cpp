#include "base/time_text.hpp"
#include "cli/commands.hpp"
#include "cli/plan_text.hpp"
#include "cli/world.hpp"

#include <algorithm>
#include <cstdio>

namespace mesh::cli {

int certs_list(const Common& common) {
    int failed = 0;
    const auto world = look(common.config, failed, Need::certificates);
    if (!world) return failed;
    const control::Plan plan = world->certificates();
    // The list is of what is in the store; a wanted name without a certificate belongs there too,
    // because somebody who looks for it must find out why it is missing.
    if (common.json) {
        std::printf("%s\n", plan_json(*world, plan).c_str());
        return 0;
    }
    std::printf("%-14s %-20s %-20s %s\n", "STATE", "NOT AFTER", "NEXT", "NAMES");
    for (const control::PlanLine& line : plan.certificates) {
        std::string names;
        for (const std::string& name : line.names) names += (names.empty() ? "" : ", ") + name;
        std::printf("%-14s %-20s %-20s %s\n",
                    std::string(control::to_string(line.state)).c_str(),
                    line.not_after ? rfc3339(*line.not_after).c_str() : "-",
                    line.next_at ? rfc3339(*line.next_at).c_str() : "-",
                    names.c_str());
    }
    std::printf("%s; %s\n",
                counted(plan.certificates.size(), "certificate").c_str(),
                world->source_text().c_str());
    return 0;
}

}  // namespace mesh::cli

#include "base/idn.hpp"
#include "base/time_text.hpp"
#include "cli/commands.hpp"
#include "cli/plan_text.hpp"
#include "cli/world.hpp"

#include <algorithm>
#include <cstdio>

namespace mesh::cli {
namespace {

constexpr std::size_t history_shown = 50;

bool concerns(const control::PlanLine& line, const HostPattern& asked) {
    return std::any_of(line.names.begin(), line.names.end(), [&](const std::string& name) {
        const auto pattern = HostPattern::parse(name);
        return pattern && pattern->covers(asked);
    });
}

void print_history(const World& world, const control::PlanLine& line) {
    if (!world.store) return;
    store::CertificateKey key{line.directory, line.names};
    std::sort(key.names.begin(), key.names.end());
    const auto history = world.store->history(key, history_shown);
    if (!history) return;
    for (const store::HistoryRecord& record : *history)
        std::printf("    %s  %s  %s\n",
                    rfc3339(record.at).c_str(),
                    record.event.c_str(),
                    record.detail.c_str());
}

}  // namespace

int certs_show(const Common& common, const std::string& name) {
    const auto asked = parse_written_name(name);
    if (!asked) {
        std::fprintf(stderr, "mesh: %s\n", asked.error().message.c_str());
        return 2;
    }
    int failed = 0;
    const auto world = look(common.config, failed, Need::certificates);
    if (!world) return failed;
    control::Plan plan = world->certificates();
    std::erase_if(plan.certificates,
                  [&](const control::PlanLine& line) { return !concerns(line, *asked); });
    plan.not_ordered.clear();
    if (common.json) {
        std::printf("%s\n", plan_json(*world, plan).c_str());
    } else {
        for (const control::PlanLine& line : plan.certificates) {
            std::fputs(describe_line(line, world->now).c_str(), stdout);
            print_history(*world, line);
        }
        if (plan.certificates.empty())
            std::fprintf(stderr,
                         "mesh: no certificate for %s is wanted or stored (%s)\n",
                         asked->text().c_str(),
                         world->source_text().c_str());
    }
    return plan.certificates.empty() ? 1 : 0;
}

}  // namespace mesh::cli

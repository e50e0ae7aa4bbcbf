#include "cli/commands.hpp"
#include "cli/plan_text.hpp"
#include "cli/world.hpp"

#include <algorithm>
#include <cstdio>

namespace mesh::cli {
namespace {

/// A command at a terminal prints no more lines than somebody reads; --json has them all.
constexpr std::size_t shown_max = 200;

void print_summary(const control::Plan& plan, const World& world) {
    const auto orders = std::count_if(
        plan.certificates.begin(), plan.certificates.end(), [&](const control::PlanLine& line) {
            return line.next_at && *line.next_at <= world.now &&
                   line.next_action != control::NextAction::none &&
                   line.next_action != control::NextAction::remove;
        });
    std::printf("%s, %td to order now (%s%s)\n",
                counted(plan.certificates.size(), "certificate").c_str(),
                orders,
                world.store_text().c_str(),
                world.pid == 0 ? "" : (", process " + std::to_string(world.pid)).c_str());
}

}  // namespace

int plan(const Common& common) {
    int failed = 0;
    const auto world = look(common.config, failed);
    if (!world) return failed;
    const control::Plan plan = world->plan();
    if (common.json) {
        std::printf("%s\n", plan_json(*world, plan).c_str());
        return 0;
    }
    const std::size_t shown = std::min(shown_max, plan.certificates.size());
    for (std::size_t i = 0; i < shown; ++i)
        std::fputs(describe_line(plan.certificates[i], world->now).c_str(), stdout);
    if (shown < plan.certificates.size())
        std::printf("and %zu more (--json shows all)\n", plan.certificates.size() - shown);
    for (const model::NotOrdered& entry : plan.not_ordered)
        std::printf("router %s: no certificate of its own: %s\n",
                    entry.router.c_str(),
                    entry.reason.c_str());
    print_summary(plan, *world);
    return 0;
}

}  // namespace mesh::cli

#include "base/idn.hpp"
#include "cli/commands.hpp"
#include "cli/story.hpp"
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

/// What the store knows beyond the line. It is looked at beside a running process too; a part that
/// cannot be read is missing.
Story story_of(const World& world, const control::PlanLine& line) {
    Story story{line, {}, {}};
    if (!world.store) return story;
    store::CertificateKey key{line.directory, line.names};
    std::sort(key.names.begin(), key.names.end());
    if (auto versions = world.store->versions(key)) story.versions = *std::move(versions);
    if (auto history = world.store->history(key, history_shown))
        story.history = *std::move(history);
    return story;
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
    std::vector<Story> stories;
    for (const control::PlanLine& line : plan.certificates)
        stories.push_back(story_of(*world, line));
    if (common.json) {
        std::printf("%s\n", stories_json(*world, stories).c_str());
    } else {
        for (const Story& story : stories)
            std::fputs(describe_story(story, world->now).c_str(), stdout);
        if (plan.certificates.empty())
            std::fprintf(stderr,
                         "mesh: no certificate for %s is wanted or stored (%s)\n",
                         asked->text().c_str(),
                         world->source_text().c_str());
    }
    return plan.certificates.empty() ? 1 : 0;
}

}  // namespace mesh::cli

#include "cli/story.hpp"

#include "base/time_text.hpp"
#include "cli/plan_text.hpp"

#include <fmt/format.h>

namespace mesh::cli {
namespace {

std::string describe_version(const store::StoredVersion& version) {
    const store::VersionFacts& facts = version.facts;
    return fmt::format("{}  {}, {} to {}, {} {}\n",
                       version.current ? "current " : "previous",
                       facts.serial,
                       rfc3339(facts.not_before),
                       rfc3339(facts.not_after),
                       facts.source == "import" ? "imported" : "issued",
                       rfc3339(facts.created));
}

}  // namespace

std::string describe_story(const Story& story, WallTime now) {
    std::string out = describe_line(story.line, now);
    for (const store::StoredVersion& version : story.versions)
        out += (&version == story.versions.data() ? "    versions  " : "              ") +
               describe_version(version);
    for (const store::HistoryRecord& record : story.history)
        out += fmt::format("    {}  {}  {}\n", rfc3339(record.at), record.event, record.detail);
    return out;
}

}  // namespace mesh::cli

#pragma once
#include "cli/world.hpp"
#include "control/plan.hpp"
#include "store/records.hpp"

#include <string>
#include <vector>

namespace mesh::cli {

/// One certificate as `mesh certs show` tells of it.
struct Story {
    control::PlanLine line;
    std::vector<store::StoredVersion> versions;  ///< newest first
    std::vector<store::HistoryRecord> history;   ///< newest first
};

/// For people, several lines, the first not indented.
[[nodiscard]] std::string describe_story(const Story& story, WallTime now);

/// As plan_json(), each certificate with `versions` and `history`.
[[nodiscard]] std::string stories_json(const World& world, const std::vector<Story>& stories);

}  // namespace mesh::cli

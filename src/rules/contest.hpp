#pragma once
#include "rules/sni_index.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace mesh::rules {

/// A rule that loses against another one of the same table; both by their payloads.
struct Contest {
    std::size_t loser = 0;
    std::optional<std::size_t> winner;  ///< nothing: the loser's rule never matches anyway
};

/// The rules that no connection reaches, as far as a comparison of matchers shows it: each side of
/// `||` is taken whole by a rule of higher rank, the first of which is named. Nothing is reported
/// wrongly; of very large tables some is not reported.
[[nodiscard]] std::vector<Contest> never_reached(const std::vector<RankedRule>& rules);

/// Pairs of rules of equal priority and specificity for which a connection is found that matches
/// both and that the winner gets, so that the names of the routers decide: for each loser the
/// first. Rules of the same text are left out. Nothing is reported wrongly; not all is found.
[[nodiscard]] std::vector<Contest> decided_by_name(const std::vector<RankedRule>& rules);

}  // namespace mesh::rules

#include "rules/rank.hpp"

#include <tuple>
#include <utility>

namespace mesh::rules {
namespace {

std::int64_t computed_priority(const Rule& rule) {
    return rule.is_catch_all() ? -1 : static_cast<std::int64_t>(rule.text().size());
}

}  // namespace

Rank::Rank(const Rule& rule,
           std::optional<std::int64_t> priority,
           std::string provider,
           std::string router)
    : priority_(priority.value_or(0) != 0 ? *priority : computed_priority(rule)),
      specificity_(rule.specificity()),
      provider_(std::move(provider)),
      router_(std::move(router)) {}

bool Rank::outranks(const Rank& other) const {
    // Numbers descend and names ascend, hence the crossed sides.
    return std::tie(other.priority_, other.specificity_, provider_, router_) <
           std::tie(priority_, specificity_, other.provider_, other.router_);
}

}  // namespace mesh::rules

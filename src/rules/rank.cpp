#include "rules/rank.hpp"

#include <tuple>
#include <utility>

namespace mesh::rules {
namespace {

std::int64_t computed_priority(const Rule& rule) {
    return rule.is_catch_all() ? -1 : static_cast<std::int64_t>(rule.text().size());
}

/// Before all others: what stands in files is what the operator wrote himself.
bool is_of_files(const std::string& provider) {
    return provider == "file";
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
    const bool is_mine = is_of_files(provider_);
    const bool is_others = is_of_files(other.provider_);
    // Numbers descend and names ascend, hence the crossed sides.
    return std::tie(other.priority_, other.specificity_, is_others, provider_, router_) <
           std::tie(priority_, specificity_, is_mine, other.provider_, other.router_);
}

}  // namespace mesh::rules

#pragma once
#include "rules/rule.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace mesh::rules {

/// A router's place among the routers of its entry point: higher priority first, then the narrower
/// rule, then files before other providers, then provider and router by name. Total for routers
/// with different names, so that the same configuration always routes the same way.
class Rank {
 public:
    /// `priority` as configured; absent or 0 means computed: the rule's length in bytes, or -1 for
    /// a rule that is HostSNI(`*`) and nothing else.
    Rank(const Rule& rule,
         std::optional<std::int64_t> priority,
         std::string provider,
         std::string router);

    [[nodiscard]] std::int64_t priority() const { return priority_; }
    [[nodiscard]] const std::string& provider() const { return provider_; }
    [[nodiscard]] const std::string& router() const { return router_; }

    /// True if this router is asked before `other`. A strict order.
    [[nodiscard]] bool outranks(const Rank& other) const;
    [[nodiscard]] friend bool operator==(const Rank&, const Rank&) = default;

 private:
    std::int64_t priority_;
    int specificity_;
    std::string provider_;
    std::string router_;
};

}  // namespace mesh::rules

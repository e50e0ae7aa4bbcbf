#pragma once
#include "rules/rank.hpp"
#include "rules/rule.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mesh::rules {

/// What an index is built from: a rule, its place among the others, and what its user wants back.
struct RankedRule {
    Rule rule;
    Rank rank;
    std::size_t payload = 0;
};

/// What a look-up found.
struct Found {
    std::size_t payload = 0;
    /// What the rule's ALPN matched and the server selects; empty if no ALPN decided. Lives as long
    /// as the rule.
    std::string_view protocol;
};

/// All rules of an entry point, compiled for look-up by server name: a hash for exact names, a
/// hash for the parents of wildcards, and an ordered list for rules that no name narrows down.
/// Candidates of the three are compared by rank, so the answer is always that of evaluating every
/// rule in order. Immutable; copies and concurrent look-ups are safe.
class SniIndex {
 public:
    SniIndex() = default;
    /// At most 2^32 - 1 rules. Of rules that neither outranks the other the earlier one wins.
    explicit SniIndex(std::vector<RankedRule> rules);

    /// The highest-ranked rule that matches. Allocates no more than Rule::matches; two hash
    /// look-ups plus the rules that no name narrows down and that outrank what the hashes found.
    [[nodiscard]] std::optional<Found> lookup(const ConnectionFacts& facts) const;

    /// False only if no connection that names `name` matches any rule, whoever sends it and
    /// whatever protocols it offers.
    [[nodiscard]] bool may_route(const Hostname& name) const;
    /// False only if no connection of `client` matches any rule, whatever it names and offers. Time
    /// is linear in the rules up to the first that might.
    [[nodiscard]] bool may_route(const IpAddress& client) const;
    /// The same of rules whose payload `is_wanted`; asks it about each that might match until one
    /// is.
    [[nodiscard]] bool may_route(const IpAddress& client,
                                 const std::function<bool(std::size_t payload)>& is_wanted) const;

    /// True if no connection can match anything.
    [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
    /// Position in `entries_`, which is sorted by rank: smaller outranks.
    using Position = std::uint32_t;

    struct Entry {
        Rule rule;
        std::size_t payload;
        bool exact;             ///< found by name means matched
        bool selects_protocol;  ///< by an ALPN that is not negated
    };
    struct Range {
        Position first = 0;
        Position count = 0;
    };
    /// The keys point into the rules of `entries_`, whose parsed form never moves.
    using Names = std::unordered_map<std::string_view, Range>;
    struct NamedCandidate {
        std::string_view name;
        Position position;
    };

    [[nodiscard]] Names group(std::vector<NamedCandidate> named);
    [[nodiscard]] std::span<const Position> candidates(const Names& names,
                                                       std::string_view key) const;
    [[nodiscard]] Position best_of(std::span<const Position> candidates,
                                   const ConnectionFacts& facts,
                                   Position best) const;

    std::vector<Entry> entries_;
    std::vector<Position> candidates_;  ///< of all names, each name's in order of rank
    Names exact_;
    Names wildcard_;  ///< by what follows `*.`
    std::vector<Position> unnamed_;
};

}  // namespace mesh::rules

// The compiled index against the slow truth: every rule evaluated, in order of rank.
#include "random_rules.hpp"
#include "rules/sni_index.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <optional>
#include <vector>

using mesh::rules::Rank;
using mesh::rules::RankedRule;
using mesh::rules::Rule;
using mesh::rules::SniIndex;
using mesh::test::Facts;
using mesh::test::RandomRule;
using mesh::test::RuleMaker;
using mesh::test::Verdict;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int rule_sets = 4'000;
#else
constexpr int rule_sets = 100'000;
#endif
constexpr std::uint32_t seed = 20'261'127;  // the same sets in every run

/// Rules and facts that many sets are drawn from, each rule with what it says of each facts: what
/// the rule room makes of its text is compared with its meaning once, here.
class Pool {
 public:
    static constexpr std::uint32_t rules = 250;
    static constexpr std::uint32_t probes = 48;

    explicit Pool(RuleMaker& make) {
        for (std::uint32_t i = 0; i < probes; ++i) facts_.push_back(make.facts());
        for (std::uint32_t i = 0; i < rules; ++i) add(make.rule(static_cast<int>(make.below(5))));
    }

    [[nodiscard]] const Rule& rule(std::uint32_t which) const { return rules_[which]; }
    [[nodiscard]] const Facts& facts(std::uint32_t probe) const { return facts_[probe]; }
    [[nodiscard]] const Verdict& verdict(std::uint32_t which, std::uint32_t probe) const {
        return verdicts_[which * probes + probe];
    }

 private:
    void add(const RandomRule& random) {
        auto parsed = Rule::parse(random.text);
        if (!parsed) FAIL(random.text << "\n" << parsed.error().message);
        for (const Facts& facts : facts_) {
            const Verdict verdict = random.meaning(facts, false);
            const bool same =
                parsed->matches(facts) == verdict.holds &&
                (!verdict.holds || parsed->protocol_matched(facts) == verdict.protocol) &&
                (!verdict.holds || !facts.sni || parsed->may_match(*facts.sni));
            if (!same) FAIL("wrongly evaluated: " << random.text);
            verdicts_.push_back(verdict);
        }
        rules_.push_back(std::move(*parsed));
    }

    std::vector<Facts> facts_;
    std::vector<Rule> rules_;
    std::vector<Verdict> verdicts_;
};

/// A random set of rules of a pool, in order of rank.
struct RuleSet {
    struct Member {
        std::uint32_t rule;
        RankedRule ranked;
    };
    std::vector<Member> members;

    RuleSet(RuleMaker& make, const Pool& pool) {
        const std::uint32_t count = 1 + make.below(12);
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t which = make.below(Pool::rules);
            std::optional<std::int64_t> priority;
            if (make.below(3) == 0) priority = 20 + make.below(5);
            const Rule& rule = pool.rule(which);
            members.push_back(
                {which, {rule, Rank(rule, priority, "file", "r" + std::to_string(i)), i}});
        }
    }

    [[nodiscard]] SniIndex index() const {
        std::vector<RankedRule> ranked;
        for (const Member& member : members) ranked.push_back(member.ranked);
        return SniIndex(std::move(ranked));
    }

    void sort_by_rank() {
        std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
            return a.ranked.rank.outranks(b.ranked.rank);
        });
    }

    [[nodiscard]] const Member* first_match(const Pool& pool, std::uint32_t probe) const {
        for (const Member& member : members)
            if (pool.verdict(member.rule, probe).holds) return &member;
        return nullptr;
    }
};

}  // namespace

TEST_CASE("sni index: answers exactly as evaluating every rule in order of rank would",
          "[sni_index]") {
    constexpr int sets_of_a_pool = 500;
    RuleMaker make(seed);
    std::optional<Pool> pool;
    for (int round = 0; round < rule_sets; ++round) {
        if (round % sets_of_a_pool == 0) pool.emplace(make);
        RuleSet set(make, *pool);
        const SniIndex index = set.index();
        set.sort_by_rank();
        for (int i = 0; i < 10; ++i) {
            const std::uint32_t probe = make.below(Pool::probes);
            const auto found = index.lookup(pool->facts(probe));
            const RuleSet::Member* const expected = set.first_match(*pool, probe);
            const bool same =
                found.has_value() == (expected != nullptr) &&
                (!found || (found->payload == expected->ranked.payload &&
                            found->protocol == pool->verdict(expected->rule, probe).protocol));
            if (same) continue;
            std::string all;
            for (const auto& member : set.members) all += member.ranked.rule.text() + "\n";
            FAIL("round " << round << ": the index disagrees with plain evaluation of\n" << all);
        }
    }
    SUCCEED();
}

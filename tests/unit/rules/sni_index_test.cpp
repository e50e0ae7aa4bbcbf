#include "rules/sni_index.hpp"

#include "support/catch.hpp"
#include "support/heap.hpp"

#include <chrono>
#include <functional>
#include <random>

using mesh::Hostname;
using mesh::rules::ConnectionFacts;
using mesh::rules::Rank;
using mesh::rules::RankedRule;
using mesh::rules::Rule;
using mesh::rules::SniIndex;

namespace {

ConnectionFacts facts(std::string_view sni) {
    ConnectionFacts out;
    if (!sni.empty()) out.sni = *Hostname::parse(sni);
    return out;
}

RankedRule ranked(std::string_view text,
                  std::size_t payload,
                  std::optional<std::int64_t> priority = std::nullopt) {
    const Rule rule = *Rule::parse(text);
    return {rule, Rank(rule, priority, "file", "r" + std::to_string(payload)), payload};
}

SniIndex index_of(std::vector<std::string> texts) {
    std::vector<RankedRule> rules;
    for (const std::string& text : texts) rules.push_back(ranked(text, rules.size()));
    return SniIndex(std::move(rules));
}

/// The slow truth: every rule asked, the best of those that match.
std::optional<std::size_t> plain_lookup(const std::vector<RankedRule>& rules,
                                        const ConnectionFacts& facts) {
    const RankedRule* best = nullptr;
    for (const RankedRule& candidate : rules)
        if (candidate.rule.matches(facts) && (!best || candidate.rank.outranks(best->rank)))
            best = &candidate;
    if (best == nullptr) return std::nullopt;
    return best->payload;
}

/// A random rule as text, together with its meaning computed without the parser.
struct RandomRule {
    std::string text;
    std::function<bool(const std::string&)> holds;
};

class RuleMaker {
 public:
    explicit RuleMaker(std::uint32_t seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(random_() % bound);
    }

    std::string name() {
        static constexpr const char* labels[] = {"a", "b", "c"};
        std::string out = labels[below(3)];
        for (std::uint32_t i = below(3); i > 0; --i) out += std::string(".") + labels[below(3)];
        return out;
    }

    std::string sni() { return below(8) == 0 ? "" : name(); }

    RandomRule rule(int depth) {
        switch (depth == 0 ? 0 : below(6)) {
            case 1: {
                RandomRule inner = rule(depth - 1);
                return {"!(" + inner.text + ")",
                        [h = inner.holds](const std::string& s) { return !h(s); }};
            }
            case 2:
            case 3:
                return joined(" && ", depth, true);
            case 4:
            case 5:
                return joined("||", depth, false);
            default:
                return leaf();
        }
    }

 private:
    RandomRule leaf() {
        const std::string host = name();
        switch (below(8)) {
            case 0:
                return {"HostSNI(`*`)", [](const std::string&) { return true; }};
            case 1:
                return {"!HostSNI(`" + host + "`)",
                        [host](const std::string& s) { return s != host; }};
            case 2:
            case 3:
                return {"HostSNI(`*." + host + "`)", [host](const std::string& s) {
                            const std::size_t dot = s.find('.');
                            return dot != std::string::npos && s.substr(dot + 1) == host;
                        }};
            default:
                return {"HostSNI(`" + host + "`)",
                        [host](const std::string& s) { return s == host; }};
        }
    }

    RandomRule joined(const char* op, int depth, bool all) {
        RandomRule left = rule(depth - 1);
        RandomRule right = rule(depth - 1);
        // Without parentheses only where precedence leaves the meaning alone.
        const bool bare = !all && below(2) == 0;
        const std::string text = bare ? left.text + op + right.text
                                      : "(" + left.text + ")" + op + "(" + right.text + ")";
        return {text, [all, l = left.holds, r = right.holds](const std::string& s) {
                    return all ? l(s) && r(s) : l(s) || r(s);
                }};
    }

    std::mt19937 random_;
};

}  // namespace

TEST_CASE("sni index: an exact name wins over a shorter wildcard", "[sni_index]") {
    const SniIndex index = index_of({"HostSNI(`*.shop.example`)", "HostSNI(`www.shop.example`)"});

    CHECK(index.lookup(facts("www.shop.example")) == 1U);
    CHECK(index.lookup(facts("api.shop.example")) == 0U);
    CHECK(index.lookup(facts("shop.example")) == std::nullopt);
    CHECK(index.lookup(facts("")) == std::nullopt);
}

TEST_CASE("sni index: a hash hit is compared by rank with the rest", "[sni_index]") {
    const SniIndex index({ranked("HostSNI(`a.x`)", 0),
                          ranked("!HostSNI(`b.x`)", 1, 100),
                          ranked("HostSNI(`*.x`)", 2, 200),
                          ranked("HostSNI(`*`)", 3)});

    CHECK(index.lookup(facts("a.x")) == 2U);
    CHECK(index.lookup(facts("a.y")) == 1U);
    CHECK(index.lookup(facts("")) == 1U);
    CHECK(index.lookup(facts("b.x")) == 2U);
}

TEST_CASE("sni index: a higher priority does not make a rule match", "[sni_index]") {
    const SniIndex index({ranked("HostSNI(`a.com`)", 0, 10000), ranked("HostSNI(`a.org`)", 1)});

    CHECK(index.lookup(facts("a.org")) == 1U);
}

TEST_CASE("sni index: the catch-all takes what is left, clients without a name too",
          "[sni_index]") {
    const SniIndex index = index_of({"HostSNI(`*`)", "HostSNI(`a.x`)"});

    CHECK(index.lookup(facts("a.x")) == 1U);
    CHECK(index.lookup(facts("b.x")) == 0U);
    CHECK(index.lookup(facts("")) == 0U);
}

TEST_CASE("sni index: rules that can never match are no candidates", "[sni_index]") {
    const SniIndex index = index_of({"!HostSNI(`*`)", "HostSNI(`a.x`) && HostSNI(`b.x`)"});

    CHECK(index.lookup(facts("a.x")) == std::nullopt);
    CHECK(SniIndex().lookup(facts("a.x")) == std::nullopt);
    CHECK(SniIndex().empty());
    CHECK(index_of({"!HostSNI(`*`)"}).empty());
}

TEST_CASE("sni index: survives being copied and moved", "[sni_index]") {
    SniIndex original = index_of({"HostSNI(`a.x`)", "HostSNI(`*.y`)"});
    const SniIndex copy = original;
    const SniIndex moved = std::move(original);
    original = SniIndex();

    CHECK(copy.lookup(facts("a.x")) == 0U);
    CHECK(moved.lookup(facts("b.y")) == 1U);
}

TEST_CASE("sni index: answers exactly as evaluating every rule would", "[sni_index]") {
    const auto seed = static_cast<std::uint32_t>(std::random_device{}());
    CAPTURE(seed);
    RuleMaker make(seed);
    for (int round = 0; round < 3000; ++round) {
        std::vector<RankedRule> rules;
        std::vector<RandomRule> meanings;
        const std::uint32_t count = 1 + make.below(12);
        for (std::uint32_t i = 0; i < count; ++i) {
            RandomRule random = make.rule(static_cast<int>(make.below(5)));
            std::optional<std::int64_t> priority;
            if (make.below(3) == 0) priority = 20 + make.below(5);
            rules.push_back(ranked(random.text, i, priority));
            meanings.push_back(std::move(random));
        }
        const SniIndex index(rules);
        for (int probe = 0; probe < 12; ++probe) {
            const std::string sni = make.sni();
            const ConnectionFacts known = facts(sni);
            CAPTURE(round, sni);
            for (std::size_t i = 0; i < rules.size(); ++i)
                if (rules[i].rule.matches(known) != meanings[i].holds(sni))
                    FAIL("wrongly evaluated: " << meanings[i].text);
            if (index.lookup(known) != plain_lookup(rules, known)) {
                std::string all;
                for (const RandomRule& rule : meanings) all += rule.text + "\n";
                FAIL("the index disagrees with plain evaluation of\n" << all);
            }
        }
    }
}

TEST_CASE("sni index: a look-up allocates nothing", "[sni_index]") {
    const SniIndex index = index_of({"HostSNI(`a-name-longer-than-short-strings.shop.example`)",
                                     "HostSNI(`*.another-rather-long-parent.example`)",
                                     "!HostSNI(`x.example`)"});
    const ConnectionFacts exact = facts("a-name-longer-than-short-strings.shop.example");
    const ConnectionFacts wildcard = facts("a.another-rather-long-parent.example");
    const ConnectionFacts other = facts("some-other-name-of-some-length.example");

    const std::size_t before = mesh::test::allocation_count();
    const auto a = index.lookup(exact);
    const auto b = index.lookup(wildcard);
    const auto c = index.lookup(other);
    const std::size_t after = mesh::test::allocation_count();

    CHECK(after == before);
    CHECK(a == 0U);
    CHECK(b == 1U);
    CHECK(c == 2U);
}

TEST_CASE("sni index: 100,000 rules make a look-up no slower", "[sni_index]") {
    using Clock = std::chrono::steady_clock;
    const auto build = [](int count) {
        std::vector<RankedRule> rules;
        for (int i = 0; i < count; ++i)
            rules.push_back(ranked("HostSNI(`host" + std::to_string(i) + ".example`)",
                                   static_cast<std::size_t>(i)));
        return SniIndex(std::move(rules));
    };
    const SniIndex large = build(100'000);
    const ConnectionFacts known = facts("host4242.example");
    const ConnectionFacts unknown = facts("nobody.example");

    const auto begin = Clock::now();
    for (int i = 0; i < 10'000; ++i) {
        if (large.lookup(known) != 4242U) FAIL("wrong answer");
        if (large.lookup(unknown)) FAIL("wrong answer");
    }
    // A linear scan would take minutes; the bound only has to tell it from a hash.
    CHECK(Clock::now() - begin < std::chrono::seconds(5));
}

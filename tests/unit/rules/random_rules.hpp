#pragma once
#include "support/facts.hpp"

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>

namespace mesh::test {

/// What a rule says of some facts: whether it matches, and by which ALPN protocol.
struct Verdict {
    bool holds = false;
    std::string protocol;
};

/// A random rule as text, together with its meaning, computed from text comparisons alone: without
/// the parser, without RE2 and without address arithmetic. `negated` asks for its opposite.
struct RandomRule {
    std::string text;
    std::function<Verdict(const Facts&, bool negated)> meaning;
};

/// Makes rules and facts of so few names, addresses and protocols that they often meet. The same
/// seed makes the same.
class RuleMaker {
 public:
    explicit RuleMaker(std::uint32_t seed) : random_(seed) {}

    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(random_() % bound);
    }
    RandomRule rule(int depth);
    Facts facts();

 private:
    RandomRule leaf();
    RandomRule joined(const char* op, int depth, bool all);
    std::string name();

    std::mt19937 random_;
};

}  // namespace mesh::test

#pragma once
#include "rules/expression.hpp"

#include <cstddef>

namespace mesh::rules {

/// Compares rules without a connection at hand. One instance may do `work_max` comparisons of two
/// matchers and then answers false, so that a large configuration costs a bounded time.
class Implication {
 public:
    explicit Implication(std::size_t work_max) : work_left_(work_max) {}

    /// True if every connection that matches `narrow` matches `wide` too. Decided matcher by
    /// matcher: never true wrongly, but false for some that do.
    [[nodiscard]] bool holds(const Expression& narrow, const Expression& wide);
    [[nodiscard]] bool exhausted() const { return work_left_ == 0; }

 private:
    std::size_t work_left_;
};

}  // namespace mesh::rules

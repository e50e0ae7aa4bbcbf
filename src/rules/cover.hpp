#pragma once
#include "rules/expression.hpp"

#include <vector>

namespace mesh::rules {

/// Server names outside of which an expression is certainly false: either every connection, or
/// those whose name matches one of `names`. It lets an index find candidates by hash.
struct Cover {
    bool everything = false;
    std::vector<const HostPattern*> names;  ///< into the expression; empty when `everything`
    /// The expression is also true everywhere inside, so a candidate need not be evaluated.
    bool exact = false;
};

/// `||` unites, `&&` takes the side with fewer names; `*`, exclusions and other matchers than
/// HostSNI may be true anywhere.
[[nodiscard]] Cover cover_of(const Expression& expression);

}  // namespace mesh::rules

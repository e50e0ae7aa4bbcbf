#pragma once
#include "rules/rule_error.hpp"

namespace mesh::rules {

/// A remark on a rule that works, but perhaps not as meant.
struct Advice {
    enum class Kind {
        host_alias,            ///< `Host`, which HTTP rules use, was read as `HostSNI`
        regexp_unanchored,     ///< also matches names that only contain what it describes
        regexp_never_matches,  ///< holds letters that no server name does
    };
    Kind kind = Kind::host_alias;
    RuleError remark;  ///< place and words, as of an error
};

}  // namespace mesh::rules

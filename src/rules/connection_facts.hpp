#pragma once
#include "base/hostname.hpp"

#include <optional>

namespace mesh::rules {

/// What a rule is asked about: all that is known of a connection when it is routed.
struct ConnectionFacts {
    /// The name in the ClientHello; nothing for plain TCP and for clients that send none.
    std::optional<Hostname> sni;
};

}  // namespace mesh::rules

#pragma once
#include "rules/expression.hpp"
#include "rules/lexer.hpp"
#include "rules/rule_error.hpp"

namespace mesh::rules {

/// The argument of `HostSNI`: a host name, `*.` and a host name, or `*`. Everything a client can
/// never send as a server name (addresses, ports, URLs, U-labels) is an error that says so and
/// points at the very byte where the literal has no escapes.
[[nodiscard]] Parsed<HostSni> parse_host_argument(const Token& literal);

}  // namespace mesh::rules

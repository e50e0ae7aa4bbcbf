#pragma once
#include "rules/advice.hpp"
#include "rules/lexer.hpp"
#include "rules/matcher_name.hpp"
#include "rules/matchers.hpp"

#include <vector>

namespace mesh::rules {

/// The matcher that `name` makes of its argument. Remarks on it are appended to `advice`. Errors
/// and remarks point at the very byte where the literal has no escapes.
[[nodiscard]] Parsed<Matcher> parse_argument(const MatcherName& name,
                                             const Token& literal,
                                             std::vector<Advice>& advice);

/// The argument of `HostSNI`: a host name, `*.` and a host name, or `*`; international names as
/// U-labels or A-labels. What a client can never send as a server name (addresses, ports, URLs) is
/// an error that says so. Not for empty literals.
[[nodiscard]] Parsed<HostSni> parse_host_argument(const Token& literal);

/// The remark for bytes [begin, begin + length) of the literal's value.
[[nodiscard]] RuleError inside(const Token& literal,
                               std::size_t begin,
                               std::size_t length,
                               std::string message,
                               std::string hint = {});
/// The same for all of it, without the quotes.
[[nodiscard]] RuleError whole(const Token& literal, std::string message, std::string hint = {});

}  // namespace mesh::rules

#pragma once
#include "rules/lexer.hpp"
#include "rules/rule_error.hpp"

#include <string_view>

namespace mesh::rules {

enum class MatcherKind { host_sni, host_sni_regexp, client_ip, alpn };

/// A name a matcher has, and the words that errors use for its argument.
struct MatcherName {
    std::string_view name;     ///< as documented
    MatcherKind kind;          ///< `Host` is HostSNI's other name
    std::string_view needs;    ///< "a host name"
    std::string_view one;      ///< "one name"
    std::string_view example;  ///< what to write instead of nothing
};

/// Accepts any case. Errors: an HTTP matcher, or an unknown one, with the name that was probably
/// meant.
[[nodiscard]] Parsed<const MatcherName*> find_matcher(const Token& word);

/// The matcher's name that `word` is, or null.
[[nodiscard]] const MatcherName* matcher_named(std::string_view word);

}  // namespace mesh::rules

#pragma once
#include "base/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace mesh::config {

/// What a default rule may speak of.
struct DefaultRuleFacts {
    std::string_view name;            ///< of the service: that of a Compose file, of a catalog
    std::string_view container_name;  ///< empty: it is no container
    std::span<const std::pair<std::string, std::string>> labels;
};

/// `rule`, the option `defaultRule` of a provider, for one container or service. It holds, inside
/// of its literals and with white space as one likes:
///
///     {{ .Name }}   {{ normalize .Name }}   {{ .Name | normalize }}   .ContainerName alike
///     {{ index .Labels "key" }}             {{ index .Labels "key" | normalize }}
///
/// Providers fill it in for LabelledUnit::default_rule. What they fill in cannot leave the literal
/// it stands in: errors (invalid) are a value with a quote, a backtick, a backslash or what is not
/// printable, and one that is empty or missing; whatever check_default_rule refuses; a result
/// longer than a rule may be (limit).
[[nodiscard]] Result<std::string> expand_default_rule(std::string_view rule,
                                                      const DefaultRuleFacts& facts);

/// Whether `rule` can be filled in at all: for the option, before there is anything to fill it in
/// with. Errors (invalid): any other `{{ … }}`, with those there are, since mesh has no templates;
/// one outside of a literal, or that is not closed; (limit) longer than a rule may be.
[[nodiscard]] Status check_default_rule(std::string_view rule);

/// Whether `rule` speaks of the container's name, and so cannot be filled in for a service that is
/// none. False where check_default_rule has errors.
[[nodiscard]] bool needs_container_name(std::string_view rule);

}  // namespace mesh::config

#pragma once
#include "rules/constraint.hpp"
#include "rules/lexer.hpp"
#include "rules/regexp.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mesh::rules {

/// A name a matcher of constraints has, and the words that errors use.
struct ConstraintMatcherName {
    std::string_view name;
    Constraint::Of of;
    bool regexp;
    std::size_t arity;         ///< values it takes
    std::string_view needs;    ///< "a key and a value"
    std::string_view example;  ///< what to write instead of nothing
};

/// A condition on the value of one label, or on any one of the tags.
struct ConstraintMatcher {
    std::string key;  ///< of labels only
    std::variant<std::string, Regexp> value;

    /// A key that is missing has the empty value, as in Traefik.
    [[nodiscard]] bool matches(std::span<const std::pair<std::string, std::string>> labels) const;
    [[nodiscard]] bool matches(std::span<const std::string> tags) const;

 private:
    [[nodiscard]] bool accepts(std::string_view text) const;
};

/// How errors speak of a constraint.
[[nodiscard]] Wording wording_of(Constraint::Of of);

/// Accepts any case. Errors: a matcher of the other kind, of rules, or an unknown one, with the one
/// that was probably meant.
[[nodiscard]] Parsed<const ConstraintMatcherName*> find_constraint_matcher(const Token& word,
                                                                           Constraint::Of of);

/// The matcher that `name` makes of its `name.arity` values. Errors: an empty key, tag or
/// expression, or what is no regular expression.
[[nodiscard]] Parsed<ConstraintMatcher> make_constraint_matcher(const ConstraintMatcherName& name,
                                                                std::span<const Token> values);

}  // namespace mesh::rules

#pragma once
#include "rules/rule_error.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace mesh::rules {

/// A condition on the labels of a container or the tags of a service, parsed and immutable: which
/// of them a provider takes. Copies share the parsed form and may be used on any thread.
///
///     Label(`key`, `value`)   LabelRegex(`key`, `expression`)   for labels
///     Tag(`tag`)              TagRegex(`expression`)            for tags
///
/// joined by `&&`, `||`, `!` and parentheses as in a router's rule; names in any case. Expressions
/// are RE2's and unanchored, and a key that is missing has the empty value, as in Traefik; a tag
/// matches when any one does.
class Constraint {
 public:
    enum class Of { labels, tags };

    /// Errors: whatever is wrong first, with its place; a matcher of the other kind is one, with
    /// the matcher to use. Bounds are those of a rule.
    [[nodiscard]] static Parsed<Constraint> parse(std::string_view text, Of of);

    /// Keys and values as the container has them, prefix or not; keys are compared exactly.
    [[nodiscard]] bool matches_labels(
        std::span<const std::pair<std::string, std::string>> labels) const;
    [[nodiscard]] bool matches_tags(std::span<const std::string> tags) const;

    /// As it was written.
    [[nodiscard]] const std::string& text() const;

    /// Equal text.
    [[nodiscard]] friend bool operator==(const Constraint& a, const Constraint& b) {
        return a.text() == b.text();
    }

 private:
    struct Body;
    explicit Constraint(std::shared_ptr<const Body> body) : body_(std::move(body)) {}

    std::shared_ptr<const Body> body_;
};

}  // namespace mesh::rules

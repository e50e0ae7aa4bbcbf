#include "rules/constraint_matcher.hpp"

#include "base/ascii.hpp"
#include "base/nearest.hpp"
#include "rules/matcher_argument.hpp"
#include "rules/matcher_name.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace mesh::rules {
namespace {

using Of = Constraint::Of;

constexpr std::array constraint_matchers{
    ConstraintMatcherName{
        "Label", Of::labels, false, 2, "a key and a value", "Label(`key`, `value`)"},
    ConstraintMatcherName{"LabelRegex",
                          Of::labels,
                          true,
                          2,
                          "a key and a regular expression",
                          "LabelRegex(`key`, `^[a-z]+$`)"},
    ConstraintMatcherName{"Tag", Of::tags, false, 1, "a tag", "Tag(`tag`)"},
    ConstraintMatcherName{
        "TagRegex", Of::tags, true, 1, "a regular expression", "TagRegex(`^[a-z]+$`)"},
};

RuleError unknown_constraint_matcher(const Token& word, Of of) {
    const std::string message = '"' + excerpt(word.value) + "\" is no matcher of a constraint";
    if (matcher_named(word.value) != nullptr)
        return at(word,
                  message + ", but of a router's rule",
                  "write " + std::string(of == Of::labels ? constraint_matchers[0].example
                                                          : constraint_matchers[2].example));
    std::vector<std::string> candidates;
    for (const ConstraintMatcherName& known : constraint_matchers)
        if (known.of == of) candidates.emplace_back(known.name);
    const auto meant = nearest(word.value, candidates);
    return at(word,
              message,
              meant ? "did you mean " + *meant + "?"
                    : "there are " + candidates[0] + " and " + candidates[1]);
}

/// "`key`" or "`tag`" that is empty selects nothing, an expression that is empty everything: both
/// are mistakes, such as a variable that was not set.
RuleError nothing_in(const Token& literal, const ConstraintMatcherName& name) {
    return at(literal,
              std::string(name.name) + " needs " + std::string(name.needs),
              "write " + std::string(name.example));
}

}  // namespace

bool ConstraintMatcher::accepts(std::string_view text) const {
    if (const auto* const regexp = std::get_if<Regexp>(&value)) return regexp->matches(text);
    return std::get<std::string>(value) == text;
}

bool ConstraintMatcher::matches(std::span<const std::pair<std::string, std::string>> labels) const {
    const auto found = std::find_if(
        labels.begin(), labels.end(), [&](const auto& label) { return label.first == key; });
    return accepts(found == labels.end() ? std::string_view() : found->second);
}

bool ConstraintMatcher::matches(std::span<const std::string> tags) const {
    return std::any_of(
        tags.begin(), tags.end(), [&](const std::string& tag) { return accepts(tag); });
}

Wording wording_of(Of of) {
    return of == Of::labels ? Wording{"constraint", "Label(`key`, `", "value", "value"}
                            : Wording{"constraint", "Tag(`", "tag", "tag"};
}

Parsed<const ConstraintMatcherName*> find_constraint_matcher(const Token& word, Of of) {
    const auto* const found = std::find_if(
        constraint_matchers.begin(), constraint_matchers.end(), [&](const auto& known) {
            return equal_ignoring_case(word.value, known.name);
        });
    if (found == constraint_matchers.end()) return unknown_constraint_matcher(word, of);
    if (found->of == of) return found;
    const auto* const instead = std::find_if(
        constraint_matchers.begin(), constraint_matchers.end(), [&](const auto& other) {
            return other.of == of && other.regexp == found->regexp;
        });
    return at(
        word,
        std::string(found->name) + (of == Of::labels ? " is about tags: containers have labels"
                                                     : " is about labels: services have tags"),
        "write " + std::string(instead->example));
}

Parsed<ConstraintMatcher> make_constraint_matcher(const ConstraintMatcherName& name,
                                                  std::span<const Token> values) {
    ConstraintMatcher made;
    if (name.arity == 2) {
        if (values.front().value.empty()) return nothing_in(values.front(), name);
        made.key = values.front().value;
    }
    const Token& value = values.back();
    // The empty value of a label is one: that of a key that is missing.
    if (value.value.empty() && (name.regexp || name.of == Of::tags)) return nothing_in(value, name);
    if (!name.regexp) {
        made.value = value.value;
        return made;
    }
    auto regexp = Regexp::compile(value.value, Regexp::Subject::text);
    if (!regexp) {
        const RuleError& remark = regexp.error();
        return inside(value, remark.offset, remark.length, remark.message, remark.hint);
    }
    made.value = std::move(*regexp);
    return made;
}

}  // namespace mesh::rules

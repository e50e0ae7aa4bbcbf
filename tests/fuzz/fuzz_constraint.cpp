// A text is either a constraint, whose negation is its opposite, or an error that points into the
// text and can be shown on a terminal.
#include "fuzz/fuzz.hpp"
#include "rules/constraint.hpp"
#include "rules/token_reader.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using mesh::fuzz::require;
using mesh::rules::Constraint;
using mesh::rules::RuleError;

void check_shown(const RuleError& error, std::string_view text) {
    require(error.offset <= text.size());
    require(error.length <= text.size() - error.offset);
    require(!error.message.empty() && error.message.size() < 400 && error.hint.size() < 400);
    const auto shown_safely = [](char c) { return c >= 0x20 && c < 0x7F; };
    require(std::all_of(error.message.begin(), error.message.end(), shown_safely));
    require(std::all_of(error.hint.begin(), error.hint.end(), shown_safely));
    require(render(error, text).size() < 2000);
}

void check(std::string_view text, Constraint::Of of) {
    const auto constraint = Constraint::parse(text, of);
    if (!constraint) return check_shown(constraint.error(), text);
    require(constraint->text() == text && text.size() <= mesh::rules::rule_size_max);
    const auto negation = Constraint::parse("!(" + std::string(text) + ")", of);
    if (!negation) return;  // too deep or too long
    const std::vector<std::pair<std::string, std::string>> labels{{"a", "b"}, {"key", "value"}};
    const std::vector<std::string> tags{"a", "public", "mesh.enable=true"};
    if (of == Constraint::Of::labels) {
        require(constraint->matches_labels(labels) != negation->matches_labels(labels));
        require(constraint->matches_labels({}) != negation->matches_labels({}));
    } else {
        require(constraint->matches_tags(tags) != negation->matches_tags(tags));
        require(constraint->matches_tags({}) != negation->matches_tags({}));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = mesh::fuzz::text(data, size);
    check(text, Constraint::Of::labels);
    check(text, Constraint::Of::tags);
    return 0;
}

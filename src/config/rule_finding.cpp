#include "config/rule_finding.hpp"

#include "config/problems.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

/// Columns count characters, of which UTF-8 bytes behind the first of one are none.
int characters_in(std::string_view text) {
    return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

/// The line of the rule with a caret under the place.
std::string excerpt_of(rules::RuleError error, std::string_view rule) {
    if (rule.find_first_not_of(" \t\r\n") == std::string_view::npos) return {};
    error.hint.clear();
    std::string excerpt = rules::render(error, rule);
    // Its first line is the message, which stands in the finding already.
    excerpt.erase(0, excerpt.find('\n') + 1);
    while (excerpt.ends_with('\n')) excerpt.pop_back();
    return excerpt;
}

}  // namespace

Finding finding_in_text(Severity severity,
                        std::string_view code,
                        const Text& text,
                        const rules::RuleError& remark) {
    Finding finding = finding_at(severity, code, text.at, remark.message, remark.hint);
    if (text.verbatim_column != 0)
        finding.column = text.verbatim_column +
                         characters_in(std::string_view(text.value).substr(0, remark.offset));
    if (!text.hidden) finding.excerpt = excerpt_of(remark, text.value);
    return finding;
}

}  // namespace mesh::config

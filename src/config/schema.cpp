#include "config/schema.hpp"

#include "base/ascii.hpp"
#include "base/nearest.hpp"
#include "config/codes.hpp"
#include "config/quote.hpp"

#include <utility>

namespace mesh::config {
namespace {

/// Whether it is mesh's own, to be named where somebody looks for a word.
bool is_known_here(const OptionText& option, bool in_label) {
    switch (option.support) {
        case Support::offered:
        case Support::later:
            return true;
        case Support::label:
            return in_label;
        default:
            return false;
    }
}

}  // namespace

SectionReader::SectionReader(const Field& section, std::vector<OptionText> options)
    : section_(section), options_(std::move(options)), seen_line_(options_.size()) {}

Field SectionReader::entry(std::size_t index, std::size_t option) const {
    return section_.entry(index, options_[option].name);
}

std::size_t SectionReader::option_for(std::size_t index) {
    const std::string_view key = section_.key(index);
    std::size_t found = 0;
    while (found < options_.size() && !equal_ignoring_case(options_[found].name, key)) ++found;
    if (found == options_.size()) {
        report_unknown(index);
        return nothing;
    }
    const OptionText& option = options_[found];
    const model::Location at = entry(index, found).key_at();
    Problems& problems = section_.problems();
    if (const auto before = std::exchange(seen_line_[found], at.line)) {
        problems.error(codes::duplicate,
                       at,
                       in_quotes(key) + " stands twice in this section",
                       "it stands first in line " + std::to_string(*before));
        return nothing;
    }
    switch (option.support) {
        case Support::offered:
            return found;
        case Support::label:
            if (section_.is_label()) return found;
            problems.error(codes::unknown_option,
                           at,
                           in_quotes(option.name) + " is for labels and tags",
                           std::string(option.fallback));
            return nothing;
        case Support::later:
            problems.error(codes::unsupported,
                           at,
                           in_quotes(option.name) + " is not supported in this version",
                           std::string(option.help));
            return found;
        case Support::foreign:
            ignore(option, at);
            return nothing;
        case Support::refused:
            refuse(option, at);
            return nothing;
        case Support::off_only:
            refuse_if_on(option, entry(index, found));
            return nothing;
        case Support::misplaced:
            problems.error(codes::misplaced,
                           at,
                           in_quotes(option.name) +
                               " belongs into the main file: files of providers.file hold dynamic "
                               "configuration",
                           "move it there, or leave it out");
            return nothing;
    }
    return nothing;
}

void SectionReader::ignore(const OptionText& option, const model::Location& at) const {
    section_.problems().warning(
        codes::ignored,
        at,
        in_quotes(option.name) + " is an option of Traefik that mesh does not have; it is ignored");
}

void SectionReader::refuse(const OptionText& option, const model::Location& at) const {
    section_.problems().error(codes::unsupported,
                              at,
                              "mesh does not have " + in_quotes(option.name) + " of Traefik",
                              std::string(option.help));
}

void SectionReader::refuse_if_on(const OptionText& option, const Field& given) const {
    const std::size_t errors_before = section_.problems().errors();
    const bool is_on = given.boolean();
    if (section_.problems().errors() != errors_before) return;
    if (is_on)
        refuse(option, given.key_at());
    else
        ignore(option, given.key_at());
}

void SectionReader::report_unknown(std::size_t index) const {
    const std::string_view key = section_.key(index);
    const model::Location at = section_.entry(index, key).written_at();
    // What will not be shown needs no hint, which takes far longer than all the rest.
    if (section_.problems().errors() >= Problems::kept_max) {
        section_.problems().error(codes::unknown_option, at, "unknown option " + in_quotes(key));
        return;
    }
    std::vector<std::string> names;
    std::string known;
    for (const OptionText& option : options_) {
        if (!is_known_here(option, section_.is_label())) continue;
        names.emplace_back(option.name);
        if (option.support == Support::later) continue;
        known += (known.empty() ? "" : ", ") + std::string(option.name);
    }
    const auto near = nearest(key, names);
    section_.problems().error(codes::unknown_option,
                              at,
                              "unknown option " + in_quotes(key),
                              near ? "did you mean \"" + *near + "\"?" : "known here: " + known);
}

void SectionReader::report_missing() const {
    for (std::size_t i = 0; i < options_.size(); ++i) {
        if (!options_[i].required || seen_line_[i]) continue;
        if (options_[i].from_container && section_.is_label()) continue;
        section_.problems().error(
            codes::missing, section_.key_at(), in_quotes(options_[i].name) + " is missing");
    }
}

}  // namespace mesh::config

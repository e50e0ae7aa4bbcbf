#include "config/reference.hpp"

#include "config/codes.hpp"
#include "config/options.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

/// A '|' would end the cell of a table.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

std::string row(std::initializer_list<std::string> cells) {
    std::string out = "|";
    for (const std::string& text : cells) out += ' ' + text + (text.empty() ? "|" : " |");
    return out + '\n';
}

std::string code(std::string_view text) {
    return '`' + std::string(text) + '`';
}

std::string listed(const SectionText& section, Support support) {
    std::vector<std::string_view> names;
    for (const OptionText& option : section.options)
        if (option.support == support) names.push_back(option.name);
    std::sort(names.begin(), names.end());
    std::string out;
    for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + code(name);
    return out;
}

std::string heading(const SectionText& section) {
    return "### " + (section.path.empty() ? "Top level" : code(section.path)) + "\n\n";
}

std::string options_table(const SectionText& section) {
    std::string out = row({"option", "takes", "default", "meaning"}) + "|---|---|---|---|\n";
    for (const OptionText& option : section.options) {
        if (option.support != Support::offered) continue;
        out += row({code(option.name),
                    cell(option.type),
                    option.required ? "required" : cell(option.fallback),
                    cell(option.help)});
    }
    return out;
}

std::string section_markdown(const SectionText& section) {
    std::string out = heading(section) + options_table(section);
    if (const auto names = listed(section, Support::label); !names.empty())
        out += "\nIn labels and tags also: " + names + ".\n";
    if (const auto names = listed(section, Support::later); !names.empty())
        out += "\nNot supported in this version: " + names + ".\n";
    if (const auto names = listed(section, Support::foreign); !names.empty())
        out += "\nTraefik's, ignored with a warning: " + names + ".\n";
    if (const auto names = listed(section, Support::refused); !names.empty())
        out += "\nTraefik's, refused: " + names + ".\n";
    if (const auto names = listed(section, Support::off_only); !names.empty())
        out += "\nTraefik's, refused if `true`, else ignored with a warning: " + names + ".\n";
    return out + '\n';
}

/// To its section in docs/findings.md.
std::string linked(std::string_view finding_code) {
    return '[' + code(finding_code) + "](findings.md#" + std::string(finding_code) + ')';
}

std::string codes_markdown() {
    std::string out = "### Finding codes\n\n" + row({"code", "meaning"}) + "|---|---|\n";
    for (const codes::Code& one : codes::all()) out += row({linked(one.code), cell(one.meaning)});
    return out;
}

}  // namespace

std::string reference_markdown() {
    std::string out;
    for (const SectionText& section : all_sections()) out += section_markdown(section);
    return out + codes_markdown();
}

}  // namespace mesh::config

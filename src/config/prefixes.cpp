#include "config/prefixes.hpp"

#include "base/ascii.hpp"
#include "config/codes.hpp"

#include <algorithm>
#include <map>

namespace mesh::config {
namespace {

/// Only who writes `prefix: ""` himself wants labels without one.
bool lost_its_value(const Text& prefix) {
    return prefix.hidden && prefix.value.empty();
}

bool is_usable(const Text& prefix) {
    return !prefix.unknown && is_prefix(prefix.value) && !lost_its_value(prefix);
}

/// By what is compared: labels begin with a prefix in any case.
using Usable = std::map<std::string, const Text*, std::less<>>;

std::string in_lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), ascii_lower);
    return text;
}

void report_overlap(const Text& later, const Text& first, Problems& problems) {
    problems.error(codes::bad_value,
                   later.at,
                   "a label could begin with both " + shown(first) + " and " + shown(later),
                   "name each prefix once, and none that continues another");
}

/// The longest part of `name` that is a prefix too.
const Text* continued_by(std::string_view name, const Usable& usable) {
    while (!name.empty()) {
        const std::size_t dot = name.rfind('.');
        name = name.substr(0, dot == std::string_view::npos ? 0 : dot);
        if (const auto found = usable.find(name); found != usable.end()) return found->second;
    }
    return nullptr;
}

}  // namespace

bool is_prefix(std::string_view text) {
    constexpr std::size_t size_max = 200;
    const bool is_visible = std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7F && c != '=' && c != '[' && c != ']';
    });
    return is_visible && text.size() <= size_max && !text.starts_with('.') &&
           !text.ends_with('.') && text.find("..") == std::string_view::npos;
}

void check_prefixes(const std::vector<Text>& prefixes, Problems& problems) {
    Usable usable;
    for (const Text& prefix : prefixes) {
        if (prefix.unknown) continue;
        if (lost_its_value(prefix))
            problems.error(codes::bad_value,
                           prefix.at,
                           "the substituted prefix is empty",
                           "give it a value, or write \"\" for labels without a prefix");
        else if (!is_prefix(prefix.value))
            problems.error(codes::bad_value,
                           prefix.at,
                           shown(prefix) + " cannot be what labels begin with",
                           "write it like mesh or my.mesh: no empty parts, no dot at the end");
        else if (const auto [same, is_new] =
                     usable.try_emplace(in_lower_case(prefix.value), &prefix);
                 !is_new)
            report_overlap(prefix, *same->second, problems);
    }
    for (const auto& [name, prefix] : usable)
        if (const Text* const shorter = continued_by(name, usable))
            report_overlap(*prefix, *shorter, problems);
}

std::vector<std::string> prefixes_of(const LabelProviderDraft& draft) {
    std::vector<std::string> out;
    for (const Text& prefix : draft.prefixes.value_or(std::vector<Text>{}))
        if (is_usable(prefix)) out.push_back(prefix.value);
    if (out.empty()) out.emplace_back("mesh");
    return out;
}

}  // namespace mesh::config

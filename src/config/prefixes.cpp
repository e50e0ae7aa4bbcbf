#include "config/prefixes.hpp"

#include <algorithm>

namespace mesh::config {

bool is_prefix(std::string_view text) {
    constexpr std::size_t size_max = 200;
    const bool is_visible = std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7F && c != '=' && c != '[' && c != ']';
    });
    return is_visible && text.size() <= size_max && !text.starts_with('.') &&
           !text.ends_with('.') && text.find("..") == std::string_view::npos;
}

std::vector<std::string> prefixes_of(const LabelProviderDraft& draft) {
    std::vector<std::string> out;
    for (const Text& prefix : draft.prefixes.value_or(std::vector<Text>{}))
        if (!prefix.unknown && is_prefix(prefix.value)) out.push_back(prefix.value);
    if (out.empty()) out.emplace_back("mesh");
    return out;
}

}  // namespace mesh::config

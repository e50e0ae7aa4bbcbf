#include "store/names_text.hpp"

#include <algorithm>

namespace mesh::store {
namespace {

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

}  // namespace

Result<std::string> names_text(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        if (name.empty() || std::any_of(name.begin(), name.end(), is_control))
            return Error{Errc::invalid,
                         Origin::internal,
                         "a certificate's names must not be empty or hold control characters"};
        if (!text.empty()) text += '\n';
        text += name;
    }
    return text;
}

Result<std::string> names_key(std::vector<std::string> names) {
    if (names.empty())
        return Error{Errc::invalid, Origin::internal, "a certificate needs at least one name"};
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names_text(names);
}

std::vector<std::string> names_of(std::string_view text) {
    std::vector<std::string> names;
    if (text.empty()) return names;
    names.reserve(1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        names.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return names;
}

}  // namespace mesh::store

#include "acme/link.hpp"

#include "base/ascii.hpp"
#include "http/url.hpp"

#include <algorithm>

namespace mesh::acme {

namespace {

constexpr std::size_t links_max = 16;

/// Where the part that begins at the front ends: at `stop`, unless inside a quoted string.
std::size_t end_of_part(std::string_view text, std::string_view stop) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && stop.find(text[i]) != std::string_view::npos) {
            return i;
        }
    }
    return text.size();
}

/// True if `parameter` is rel="… relation …".
bool names_relation(std::string_view parameter, std::string_view relation) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos ||
        !equal_ignoring_case(trimmed(parameter.substr(0, equals)), "rel")) {
        return false;
    }
    std::string_view words = trimmed(parameter.substr(equals + 1));
    if (words.size() >= 2 && words.front() == '"' && words.back() == '"') {
        words = words.substr(1, words.size() - 2);
    }
    while (!words.empty()) {
        const std::size_t space = std::min(words.find(' '), words.size());
        if (equal_ignoring_case(words.substr(0, space), relation)) return true;
        words = trimmed(words.substr(space));
    }
    return false;
}

/// Takes one `<target>; parameters` off the front. False when it has not that relation.
bool take_link(std::string_view& rest, std::string_view relation, std::string_view& target) {
    const std::size_t close = rest.find('>');
    target = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    bool found = false;
    while (!rest.empty() && rest.front() != ',') {
        rest.remove_prefix(rest.front() == ';' ? 1 : 0);
        const std::size_t end = end_of_part(rest, ";,");
        found = found || names_relation(rest.substr(0, end), relation);
        rest.remove_prefix(end);
    }
    return found;
}

}  // namespace

std::vector<std::string> links(const http::Response& response,
                               std::string_view relation,
                               const std::string& base) {
    std::vector<std::string> urls;
    for (std::string_view rest : response.all_headers("Link")) {
        for (;;) {
            const std::size_t open = rest.find('<');
            if (open == std::string_view::npos) break;
            rest.remove_prefix(open);
            if (rest.find('>') == std::string_view::npos) break;
            std::string_view target;
            if (!take_link(rest, relation, target)) continue;
            auto url = http::resolve_url(base, target);
            if (!url || std::find(urls.begin(), urls.end(), *url) != urls.end()) continue;
            if (urls.size() == links_max) return urls;
            urls.push_back(std::move(*url));
        }
    }
    return urls;
}

}  // namespace mesh::acme

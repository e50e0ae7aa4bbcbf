#include "config/label_concern.hpp"

#include "base/ascii.hpp"
#include "base/nearest.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace mesh::config {
namespace {

/// A path that is shown as long as this may have been cut.
constexpr std::size_t whole_path_max = 290;

/// A label's key behind its prefix; nothing when no prefix is its beginning.
std::optional<std::string_view> behind_prefix(std::string_view path,
                                              const std::vector<std::string>& prefixes) {
    std::optional<std::string_view> rest;
    for (const std::string& prefix : prefixes) {
        std::string_view behind = path;
        if (!prefix.empty()) {
            const bool begins = path.size() > prefix.size() && path[prefix.size()] == '.' &&
                                equal_ignoring_case(path.substr(0, prefix.size()), prefix);
            if (!begins) continue;
            behind.remove_prefix(prefix.size() + 1);
        }
        if (!rest || behind.size() < rest->size()) rest = behind;
    }
    return rest;
}

/// "tcp", "routers", "shop" of "tcp.routers.shop[0].rule", and what stands behind.
struct KeyParts {
    std::array<std::string_view, 3> first;
    std::string_view option;
};

KeyParts parts_of_key(std::string_view key) {
    KeyParts parts;
    for (std::string_view& part : parts.first) {
        const std::size_t end = std::min(key.find('.'), key.size());
        part = key.substr(0, std::min(end, key.find('[')));
        key.remove_prefix(std::min(end + 1, key.size()));
        parts.option = key;
    }
    return parts;
}

/// Parts that hold something, without the numbers behind them.
std::vector<std::string_view> written_parts(std::string_view key, std::size_t most) {
    std::vector<std::string_view> parts;
    while (!key.empty() && parts.size() < most) {
        const std::size_t end = std::min(key.find('.'), key.size());
        const std::string_view part = key.substr(0, std::min(end, key.find('[')));
        if (!part.empty()) parts.push_back(part);
        key.remove_prefix(std::min(end + 1, key.size()));
    }
    return parts;
}

}  // namespace

void ConcernIndex::add(std::string_view section, const std::string& key) {
    const std::string path = "tcp." + std::string(section) + '.' + key;
    all_.insert(path);
    const std::string name = key.substr(0, key.rfind('@'));
    const std::string shown = printable(name);
    const std::string whole = printable(name, whole_path_max);
    by_name_[shown].push_back({std::string(section), path});
    if (whole != shown) by_name_[whole].push_back({std::string(section), path});
}

void ConcernIndex::add_generated() {
    has_generated_ = true;
    all_.emplace(generated_default_path);
}

bool ConcernIndex::may_be_any(std::string_view path) {
    return path.size() >= whole_path_max;
}

ConcernIndex::Paths ConcernIndex::of(std::string_view path,
                                     const std::vector<std::string>& prefixes) const {
    const auto key = behind_prefix(path, prefixes);
    if (!key) return {};
    const KeyParts parts = parts_of_key(*key);
    const auto& [plane, section, name] = parts.first;
    Paths exact;
    Paths same_name;
    const auto named = by_name_.find(name);
    if (named != by_name_.end())
        for (const Known& one : named->second) {
            same_name.insert(one.path);
            if (equal_ignoring_case(plane, "tcp") && equal_ignoring_case(section, one.section))
                exact.insert(one.path);
        }
    if (equal_ignoring_case(plane, "tls") && has_generated_) exact.emplace(generated_default_path);
    return exact.empty() ? same_name : exact;
}

std::optional<NamedInLabel> named_in_label(std::string_view key,
                                           const std::vector<std::string>& prefixes) {
    static const std::vector<std::string> sections = {"routers", "services", "middlewares"};
    static const std::vector<std::string> planes = {"tcp", "tls", "http", "udp"};
    const auto rest = behind_prefix(key, prefixes);
    if (!rest) return std::nullopt;
    const auto parts = written_parts(*rest, 3);
    // The plane may be missing.
    for (std::size_t i = 0; i < 2 && i + 1 < parts.size(); ++i) {
        const auto section = nearest(parts[i], sections);
        if (section == "routers") return std::nullopt;
        if (section)
            return NamedInLabel{parts[i + 1], section == "services", !(section == "services")};
    }
    if (parts.size() < 3) return std::nullopt;
    const auto plane = nearest(parts[0], planes);
    if (plane && *plane != "tcp") return std::nullopt;
    return NamedInLabel{parts[2], true, true};
}

std::string_view option_in_label(std::string_view path, const std::vector<std::string>& prefixes) {
    const auto key = behind_prefix(path, prefixes);
    return key ? parts_of_key(*key).option : std::string_view();
}

}  // namespace mesh::config

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

template <class Object, class Add>
void each(const std::map<std::string, Object>& objects, std::string_view section, Add add) {
    for (const auto& [key, ignored] : objects)
        add(section, key.substr(0, key.rfind('@')), "tcp." + std::string(section) + '.' + key);
}

/// Calls `add` with the section, the name as it is written and the path of each.
template <class Add>
void each_object(const UnitObjects& objects, Add add) {
    each(objects.tcp.routers, "routers", add);
    each(objects.tcp.services, "services", add);
    each(objects.tcp.middlewares, "middlewares", add);
}

}  // namespace

std::set<std::string> all_objects(const UnitObjects& objects) {
    std::set<std::string> out;
    each_object(objects, [&](auto, auto, std::string path) { out.insert(std::move(path)); });
    if (objects.generated) out.emplace(generated_default_path);
    return out;
}

std::set<std::string> objects_concerned(std::string_view path,
                                        const std::vector<std::string>& prefixes,
                                        const UnitObjects& objects) {
    if (path.size() >= whole_path_max) return all_objects(objects);
    const auto key = behind_prefix(path, prefixes);
    if (!key) return {};
    const KeyParts parts = parts_of_key(*key);
    const auto& [plane, section, name] = parts.first;
    std::set<std::string> exact;
    std::set<std::string> same_name;
    each_object(objects, [&](std::string_view kind, const std::string& own, const std::string& at) {
        if (printable(own) != name && printable(own, whole_path_max) != name) return;
        same_name.insert(at);
        if (equal_ignoring_case(plane, "tcp") && equal_ignoring_case(section, kind))
            exact.insert(at);
    });
    if (equal_ignoring_case(plane, "tls") && objects.generated)
        exact.emplace(generated_default_path);
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

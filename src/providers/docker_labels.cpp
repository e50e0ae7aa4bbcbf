#include "providers/docker_labels.hpp"

#include "base/ascii.hpp"
#include "config/spelling.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string_view>

namespace mesh::providers {
namespace {

/// Of a key, where the part behind "prefix." begins. Without a prefix only mesh's own sections are
/// told from other people's labels.
std::optional<std::size_t> behind_section(std::string_view key, std::string_view section) {
    if (key.size() <= section.size() || key[section.size()] != '.' ||
        !equal_ignoring_case(key.substr(0, section.size()), section))
        return std::nullopt;
    return section.size() + 1;
}

std::optional<std::size_t> behind_prefix(std::string_view key, std::string_view prefix) {
    if (!prefix.empty()) return behind_section(key, prefix);
    constexpr std::string_view known[] = {"tcp", "tls", "http", "udp", "docker"};
    const bool is_own = equal_ignoring_case(key, "enable") ||
                        std::any_of(std::begin(known), std::end(known), [&](auto section) {
                            return behind_section(key, section).has_value();
                        });
    return is_own ? std::optional<std::size_t>(0) : std::nullopt;
}

/// Whose options the labels `tcp.routers.NAME.OPTION` are.
struct NamedRouter {
    bool has_rule = false;
    bool has_service = false;
};

class DockerLabelReader {
 public:
    explicit DockerLabelReader(DockerLabels& out) : out_(out) {}

    /// `key` is a prefix and `rest`.
    void read(const std::string& key, std::string_view rest, const std::string& value) {
        if (equal_ignoring_case(rest, "enable")) {
            if (read_enable(value)) return;
        } else if (equal_ignoring_case(rest, "docker.network")) {
            out_.network = value;
            return;
        } else if (const auto service = behind(rest, "tcp.services.")) {
            has_services_ = true;
            name_first(service->substr(0, service->find('.')));
        } else if (const auto router = behind(rest, "tcp.routers.")) {
            read_router(*router, value);
        }
        out_.said.emplace_back(key, value);
    }

    void finish(bool has_default_rule) {
        const auto lacks = [this](bool NamedRouter::*has) {
            return std::any_of(routers_.begin(), routers_.end(), [has](const auto& entry) {
                return !(entry.second.*has);
            });
        };
        const bool is_routed_by_default = has_default_rule && routers_.empty();
        out_.lack_rule = is_routed_by_default || lacks(&NamedRouter::has_rule);
        out_.mean_own_name =
            is_routed_by_default ||
            (!has_services_ && (routers_.empty() || lacks(&NamedRouter::has_service)));
        if (out_.first_name.empty() && !routers_.empty()) out_.first_name = routers_.begin()->first;
    }

 private:
    static std::optional<std::string_view> behind(std::string_view rest, std::string_view section) {
        if (rest.size() <= section.size() ||
            !equal_ignoring_case(rest.substr(0, section.size()), section))
            return std::nullopt;
        return rest.substr(section.size());
    }

    void name_first(std::string_view name) {
        if (out_.first_name.empty()) out_.first_name = name;
    }

    /// False when it cannot be read, or contradicts another one.
    bool read_enable(const std::string& value) {
        const auto on = config::parse_boolean(value);
        const bool differs = on && out_.enable && *out_.enable != *on;
        is_unreadable_ = is_unreadable_ || !on || differs;
        out_.enable = is_unreadable_ || *on;
        return !is_unreadable_;
    }

    void read_router(std::string_view router, const std::string& value) {
        const std::size_t dot = std::min(router.find('.'), router.size());
        NamedRouter& named = routers_[std::string(router.substr(0, dot))];
        const std::string_view option = router.substr(std::min(dot + 1, router.size()));
        if (value.empty()) return;
        if (equal_ignoring_case(option, "rule")) named.has_rule = true;
        if (equal_ignoring_case(option, "service")) named.has_service = true;
    }

    DockerLabels& out_;
    bool is_unreadable_ = false;
    bool has_services_ = false;
    std::map<std::string, NamedRouter> routers_;
};

}  // namespace

DockerLabels read_docker_labels(const Container& container,
                                const std::vector<std::string>& prefixes,
                                bool has_default_rule) {
    DockerLabels out;
    DockerLabelReader reader(out);
    for (const auto& [key, value] : container.labels) {
        for (const std::string& prefix : prefixes) {
            const auto begin = behind_prefix(key, prefix);
            if (!begin) continue;
            out.own.push_back({key, value});
            reader.read(key, std::string_view(key).substr(*begin), value);
            break;
        }
    }
    reader.finish(has_default_rule);
    return out;
}

bool is_wanted_by_labels(const Container& container, const model::DockerProvider& settings) {
    const bool has_default_rule = !settings.default_rule.empty();
    const DockerLabels labels = read_docker_labels(container, settings.prefixes, has_default_rule);
    if (labels.own.empty() && !has_default_rule) return false;
    if (!labels.enable.value_or(settings.exposed_by_default)) return false;
    return !settings.constraints || settings.constraints->matches_labels(container.labels);
}

}  // namespace mesh::providers

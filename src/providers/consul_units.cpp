#include "providers/consul_units.hpp"

#include "base/ascii.hpp"
#include "config/default_rule.hpp"
#include "config/normalized_name.hpp"
#include "config/quote.hpp"
#include "config/spelling.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

namespace mesh::providers {
namespace {

using Prefixes = std::vector<std::string>;

std::optional<std::string_view> behind_part(std::string_view key, std::string_view part) {
    if (key.size() <= part.size() || key[part.size()] != '.' ||
        !equal_ignoring_case(key.substr(0, part.size()), part))
        return std::nullopt;
    return key.substr(part.size() + 1);
}

/// Without a prefix only our own sections are told from what others write.
bool is_ours_without_prefix(std::string_view key) {
    constexpr std::string_view known[] = {"tcp", "tls", "http", "udp"};
    return equal_ignoring_case(key, "enable") ||
           std::any_of(std::begin(known), std::end(known), [&](std::string_view section) {
               return behind_part(key, section).has_value();
           });
}

/// What stands behind the prefix, in a tag that begins with one.
std::optional<std::string_view> behind_prefix(std::string_view key, const Prefixes& prefixes) {
    for (const std::string& prefix : prefixes) {
        if (prefix.empty() && is_ours_without_prefix(key)) return key;
        if (prefix.empty()) continue;
        if (const auto rest = behind_part(key, prefix)) return rest;
    }
    return std::nullopt;
}

/// A tag that is a label of ours, taken apart at its first '='.
std::optional<config::Label> label_of(std::string_view tag, const Prefixes& prefixes) {
    const std::size_t equals = tag.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view key = tag.substr(0, equals);
    if (!behind_prefix(key, prefixes)) return std::nullopt;
    return config::Label{std::string(key), std::string(tag.substr(equals + 1))};
}

std::vector<config::Label> labels_of(std::span<const std::string> tags, const Prefixes& prefixes) {
    std::vector<config::Label> labels;
    for (const std::string& tag : tags)
        if (auto label = label_of(tag, prefixes)) labels.push_back(std::move(*label));
    std::sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) {
        return std::tie(a.key, a.value) < std::tie(b.key, b.value);
    });
    return labels;
}

bool is_switch(const config::Label& label, const Prefixes& prefixes) {
    return equal_ignoring_case(behind_prefix(label.key, prefixes).value_or(""), "enable");
}

/// Whether the labels are to be read. A switch that cannot be read, or contradicts another, is for
/// the reader of labels to report.
bool is_exposed(const std::vector<config::Label>& labels,
                const model::ConsulCatalogProvider& settings) {
    bool on = false;
    bool off = false;
    for (const config::Label& label : labels) {
        if (!is_switch(label, settings.prefixes)) continue;
        const auto value = config::parse_boolean(label.value);
        (value.value_or(true) ? on : off) = true;
    }
    return on || (!off && settings.exposed_by_default);
}

config::Instance served(const ConsulInstance& instance) {
    config::Instance server;
    server.name = instance.id + " on " + instance.node;
    server.host = instance.address;
    if (instance.port != 0) server.port = instance.port;
    return server;
}

/// Instances whose labels and default rule are the same.
struct Group {
    std::vector<config::Label> labels;
    std::string default_rule;
    const ConsulInstance* first = nullptr;
    std::vector<config::Instance> instances;
};

/// A key that differs whenever labels or rule do: texts with their lengths.
std::string group_key(const std::vector<config::Label>& labels, const std::string& rule) {
    std::string key;
    const auto add = [&](const std::string& text) {
        key.append(std::to_string(text.size())).append(":").append(text);
    };
    add(rule);
    for (const config::Label& label : labels) {
        add(label.key);
        add(label.value);
    }
    return key;
}

/// Every tag that reads like a label, whoever's it is: a default rule may speak of them all.
std::vector<std::pair<std::string, std::string>> pairs_of(std::span<const std::string> tags) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string& tag : tags)
        if (const auto equals = tag.find('='); equals != std::string::npos)
            pairs.emplace_back(tag.substr(0, equals), tag.substr(equals + 1));
    return pairs;
}

bool has_rule(const std::vector<config::Label>& labels) {
    constexpr std::string_view end = ".rule";
    return std::any_of(labels.begin(), labels.end(), [&](const config::Label& label) {
        return label.key.size() > end.size() &&
               equal_ignoring_case(
                   std::string_view(label.key).substr(label.key.size() - end.size()), end);
    });
}

/// One that cannot be filled in is none; `trouble` says why unless no router needs it.
std::string filled_rule(const std::string& service,
                        const ConsulInstance& instance,
                        const std::vector<config::Label>& labels,
                        const model::ConsulCatalogProvider& settings,
                        std::string& trouble) {
    if (settings.default_rule.empty()) return {};
    const auto pairs = pairs_of(instance.tags);
    auto rule = config::expand_default_rule(settings.default_rule, {service, {}, pairs});
    if (rule) return std::move(*rule);
    if (!has_rule(labels)) trouble = rule.error().message;
    return {};
}

config::LabelledUnit unit_of(const std::string& service, Group group, bool one_of_several) {
    std::string source = "service " + config::printable(service);
    if (one_of_several)
        source += " (" + config::printable(group.first->id) + " on " +
                  config::printable(group.first->node) + ")";
    const std::string name = config::normalized_name(service);
    return {.name = name.empty() ? service : name,
            .provider = consul_provider_name,
            .source = std::make_shared<const std::string>(std::move(source)),
            .labels = std::move(group.labels),
            .default_rule = std::move(group.default_rule),
            .instances = std::move(group.instances)};
}

}  // namespace

bool is_wanted(std::span<const std::string> tags, const model::ConsulCatalogProvider& settings) {
    if (settings.constraints && !settings.constraints->matches_tags(tags)) return false;
    const std::vector<config::Label> labels = labels_of(tags, settings.prefixes);
    const bool says_more = std::any_of(labels.begin(), labels.end(), [&](const auto& label) {
        return !is_switch(label, settings.prefixes);
    });
    // Tags of all instances: one may be switched off where another is not.
    if (says_more || !settings.default_rule.empty())
        return settings.exposed_by_default || is_exposed(labels, settings);
    return !labels.empty() && is_exposed(labels, settings);
}

ConsulUnits units_of(const std::string& service,
                     std::span<const ConsulInstance> instances,
                     const model::ConsulCatalogProvider& settings) {
    ConsulUnits made;
    std::map<std::string, Group> groups;
    for (const ConsulInstance& instance : instances) {
        std::vector<config::Label> labels = labels_of(instance.tags, settings.prefixes);
        const bool nothing_said = labels.empty() && settings.default_rule.empty();
        if (nothing_said || !instance.kind.empty() || !is_exposed(labels, settings)) {
            ++made.left_out;
            continue;
        }
        const std::string rule = filled_rule(service, instance, labels, settings, made.trouble);
        Group& group = groups[group_key(labels, rule)];
        if (group.first == nullptr) group = {std::move(labels), rule, &instance, {}};
        if (settings.strict_checks.count(instance.status) == 0)
            ++made.left_out;
        else
            group.instances.push_back(served(instance));
    }
    const bool several = groups.size() > 1;
    for (auto& [key, group] : groups)
        made.units.push_back(unit_of(service, std::move(group), several));
    config::sort_units(made.units);
    return made;
}

}  // namespace mesh::providers

#include "providers/consul_wire.hpp"

#include "base/json_depth.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace mesh::providers {
namespace {

using Json = nlohmann::json;

constexpr int depth_max = 64;

/// What is wrong with an answer. Thrown inside this file only: an answer is read to the end or not
/// at all, however deep the fault lies.
struct WireFault {
    Errc code;
    std::string message;
};

[[noreturn]] void wrong_type(std::string_view member, std::string_view expected) {
    throw WireFault{Errc::invalid, std::string(member) + " is not " + std::string(expected)};
}

void keep_below(std::size_t count, std::size_t most, std::string_view what) {
    if (count > most)
        throw WireFault{Errc::limit, "more than " + std::to_string(most) + " " + std::string(what)};
}

Json parse_wire(std::string_view text) {
    if (json_nests_deeper(text, depth_max)) throw WireFault{Errc::invalid, "it nests too deep"};
    Json value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) throw WireFault{Errc::invalid, "it is not JSON"};
    return value;
}

/// Nothing when it is absent or null, which Go writes for an empty list.
const Json* wire_member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json& wire_object(const Json& object, const char* name) {
    const Json* value = wire_member(object, name);
    if (value == nullptr || !value->is_object()) wrong_type(name, "an object");
    return *value;
}

std::string wire_text(const Json& object, const char* name, std::string_view path) {
    const Json* value = wire_member(object, name);
    if (value == nullptr) return {};
    if (!value->is_string()) wrong_type(path, "text");
    return value->get<std::string>();
}

std::vector<std::string> wire_tags(const Json* list, std::string_view path) {
    std::vector<std::string> tags;
    if (list == nullptr) return tags;
    if (!list->is_array()) wrong_type(path, "a list");
    keep_below(list->size(), consul_tags_max, "tags of one service");
    tags.reserve(list->size());
    for (const Json& tag : *list) {
        if (!tag.is_string()) wrong_type(path, "a list of texts");
        tags.push_back(tag.get<std::string>());
    }
    return tags;
}

/// A number that is no port is none: one odd registration must not hide its service.
std::uint16_t wire_port(const Json& service) {
    const Json* value = wire_member(service, "Port");
    if (value == nullptr) return 0;
    if (!value->is_number_integer()) wrong_type("Service.Port", "a whole number");
    const auto port = value->get<std::int64_t>();
    return port > 0 && port <= 65'535 ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
}

model::CheckStatus wire_status(const std::string& text) {
    if (text == "passing") return model::CheckStatus::passing;
    return text == "warning" ? model::CheckStatus::warning : model::CheckStatus::critical;
}

model::CheckStatus worst_status(const Json* checks) {
    model::CheckStatus worst = model::CheckStatus::passing;
    if (checks == nullptr) return worst;
    if (!checks->is_array()) wrong_type("Checks", "a list");
    keep_below(checks->size(), consul_checks_max, "checks of one instance");
    for (const Json& check : *checks) {
        if (!check.is_object()) wrong_type("Checks", "a list of objects");
        worst = std::max(worst, wire_status(wire_text(check, "Status", "Checks.Status")));
    }
    return worst;
}

ConsulInstance wire_instance(const Json& entry) {
    if (!entry.is_object()) wrong_type("an instance", "an object");
    const Json& node = wire_object(entry, "Node");
    const Json& service = wire_object(entry, "Service");
    ConsulInstance instance;
    instance.id = wire_text(service, "ID", "Service.ID");
    instance.node = wire_text(node, "Node", "Node.Node");
    instance.address = wire_text(service, "Address", "Service.Address");
    if (instance.address.empty()) instance.address = wire_text(node, "Address", "Node.Address");
    instance.port = wire_port(service);
    instance.tags = wire_tags(wire_member(service, "Tags"), "Service.Tags");
    instance.kind = wire_text(service, "Kind", "Service.Kind");
    instance.status = worst_status(wire_member(entry, "Checks"));
    return instance;
}

ConsulCheck wire_check(const Json& entry) {
    if (!entry.is_object()) wrong_type("a check", "an object");
    ConsulCheck check;
    check.node = wire_text(entry, "Node", "Node");
    check.id = wire_text(entry, "CheckID", "CheckID");
    check.service = wire_text(entry, "ServiceName", "ServiceName");
    if (const Json* index = wire_member(entry, "ModifyIndex")) {
        if (!index->is_number_unsigned()) wrong_type("ModifyIndex", "a whole number");
        check.index = index->get<std::uint64_t>();
    }
    return check;
}

template <class Read>
auto read_wire(std::string_view what, const Read& read) -> Result<decltype(read())> {
    try {
        return read();
    } catch (const WireFault& fault) {
        return Error{fault.code,
                     Origin::upstream,
                     "its answer about " + std::string(what) + " cannot be used: " + fault.message};
    }
}

}  // namespace

Result<ConsulCatalog> read_consul_catalog(std::string_view json) {
    return read_wire("services", [&] {
        const Json root = parse_wire(json);
        if (!root.is_object()) wrong_type("the list of services", "an object");
        keep_below(root.size(), consul_services_max, "services");
        ConsulCatalog catalog;
        for (const auto& [name, tags] : root.items())
            catalog.emplace(name, wire_tags(tags.is_null() ? nullptr : &tags, "a list of tags"));
        return catalog;
    });
}

Result<std::vector<ConsulInstance>> read_consul_instances(std::string_view json) {
    return read_wire("instances", [&] {
        const Json root = parse_wire(json);
        if (!root.is_array()) wrong_type("the list of instances", "a list");
        keep_below(root.size(), consul_instances_max, "instances of one service");
        std::vector<ConsulInstance> instances;
        instances.reserve(root.size());
        for (const Json& entry : root) instances.push_back(wire_instance(entry));
        std::sort(instances.begin(), instances.end(), [](const auto& a, const auto& b) {
            return std::tie(a.node, a.id) < std::tie(b.node, b.id);
        });
        return instances;
    });
}

Result<std::set<ConsulCheck>> read_consul_checks(std::string_view json) {
    return read_wire("checks", [&] {
        const Json root = parse_wire(json);
        if (!root.is_array()) wrong_type("the list of checks", "a list");
        keep_below(root.size(), consul_checks_in_state_max, "checks in one state");
        std::set<ConsulCheck> checks;
        for (const Json& entry : root) checks.insert(wire_check(entry));
        return checks;
    });
}

}  // namespace mesh::providers

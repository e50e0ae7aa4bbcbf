#include "providers/docker_json.hpp"

#include "base/json_depth.hpp"
#include "config/quote.hpp"

namespace mesh::providers {
namespace {

constexpr int docker_depth_max = 64;

const nlohmann::json& empty_object() {
    static const nlohmann::json empty = nlohmann::json::object();
    return empty;
}

const nlohmann::json& empty_array() {
    static const nlohmann::json empty = nlohmann::json::array();
    return empty;
}

}  // namespace

Result<DockerDocument> parse_docker_json(std::string_view text) {
    if (json_nests_deeper(text, docker_depth_max))
        return Error{Errc::invalid, Origin::upstream, "JSON nested deeper than 64 levels"};
    nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
    if (value.is_discarded())
        return Error{
            Errc::invalid, Origin::upstream, "not JSON, it begins " + config::in_quotes(text)};
    return DockerDocument(std::move(value));
}

DockerMembers::DockerMembers(const nlohmann::json& object, std::string path, std::string& wrong)
    : object_(object.is_object() ? object : empty_object()), path_(std::move(path)), wrong_(wrong) {
    if (!object.is_object() && !object.is_null()) refuse({}, "an object");
}

const nlohmann::json* DockerMembers::find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void DockerMembers::refuse(std::string_view name, std::string_view expected) const {
    if (!wrong_.empty()) return;
    wrong_ = path_;
    if (!wrong_.empty() && !name.empty()) wrong_ += '.';
    wrong_ += config::printable(name);
    if (wrong_.empty()) wrong_ = "the answer";
    wrong_.append(" is not ").append(expected);
}

std::string DockerMembers::text(const char* name) const {
    const nlohmann::json* value = find(name);
    if (value == nullptr) return {};
    if (value->is_string()) return value->get<std::string>();
    refuse(name, "a text");
    return {};
}

bool DockerMembers::boolean(const char* name) const {
    const nlohmann::json* value = find(name);
    if (value == nullptr) return false;
    if (value->is_boolean()) return value->get<bool>();
    refuse(name, "true or false");
    return false;
}

std::int64_t DockerMembers::integer(const char* name) const {
    const nlohmann::json* value = find(name);
    if (value == nullptr) return 0;
    if (value->is_number_integer()) return value->get<std::int64_t>();
    refuse(name, "a whole number");
    return 0;
}

DockerMembers DockerMembers::object(const char* name) const {
    const nlohmann::json* value = find(name);
    return below(value == nullptr ? empty_object() : *value, name);
}

const nlohmann::json& DockerMembers::array(const char* name) const {
    const nlohmann::json* value = find(name);
    if (value == nullptr) return empty_array();
    if (value->is_array()) return *value;
    refuse(name, "a list");
    return empty_array();
}

DockerMembers DockerMembers::below(const nlohmann::json& value, std::string_view name) const {
    std::string path = path_;
    if (!path.empty()) path += '.';
    return {value, path + config::printable(name), wrong_};
}

}  // namespace mesh::providers

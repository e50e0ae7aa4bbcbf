#include "acme/json.hpp"

#include "base/json_depth.hpp"
#include "base/time_text.hpp"
#include "http/url.hpp"

namespace mesh::acme {

namespace {

constexpr std::size_t size_max = 1 << 20;
constexpr int depth_max = 32;

Error unreadable(std::string message) {
    return Error{Errc::invalid, Origin::ca, std::move(message)};
}

}  // namespace

Result<Document> parse_object(std::string_view text) {
    if (text.size() > size_max) return unreadable("more than 1 MiB of JSON");
    if (json_nests_deeper(text, depth_max)) return unreadable("JSON nested deeper than 32 levels");
    Json value = Json::parse(text, nullptr, false);
    if (value.is_discarded()) return unreadable("not JSON");
    if (!value.is_object()) return unreadable("not a JSON object");
    return Document(std::move(value));
}

const Json* member(const Json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
}

std::string text_member(const Json& object, const char* name) {
    const Json* value = member(object, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

bool true_member(const Json& object, const char* name) {
    const Json* value = member(object, name);
    return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string url_member(const Json& object, const char* name, const std::string& base) {
    const std::string text = text_member(object, name);
    if (text.empty()) return {};
    auto url = http::resolve_url(base, text);
    return url ? std::move(*url) : std::string();
}

std::optional<WallTime> time_member(const Json& object, const char* name) {
    const auto time = parse_rfc3339(text_member(object, name));
    return time ? std::optional(*time) : std::nullopt;
}

std::string to_text(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error missing(std::string_view what) {
    return Error{Errc::not_found, Origin::ca, "no usable " + std::string(what)};
}

}  // namespace mesh::acme

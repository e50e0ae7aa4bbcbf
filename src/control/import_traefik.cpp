#include "control/import_traefik.hpp"

#include "base/base64url.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace mesh::control {
namespace {

using nlohmann::json;

constexpr std::size_t file_size_max = std::size_t{256} << 20;

Error not_such_a_file(const std::string& why) {
    return {Errc::invalid, Origin::config, "not a Traefik acme.json: " + why};
}

const json* member(const json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const json& object, const char* name) {
    const json* value = member(object, name);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string{};
}

/// RFC 4648 §4, as Go writes byte slices; anything else gives an empty text.
std::string decode_base64(std::string text) {
    while (text.ends_with('=')) text.pop_back();
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    const auto bytes = base64url_decode(text);
    return bytes ? std::string(as_text(*bytes)) : std::string{};
}

std::vector<ImportItem> items_of(const std::string& resolver, const json& section) {
    std::vector<ImportItem> items;
    const json* certificates = member(section, "Certificates");
    if (certificates == nullptr || !certificates->is_array()) return items;
    items.reserve(certificates->size());
    for (const json& record : *certificates) {
        const json* domain = member(record, "domain");
        const std::string main = domain != nullptr ? text_of(*domain, "main") : std::string{};
        items.push_back({resolver + ": " + (main.empty() ? "(no name)" : main),
                         decode_base64(text_of(record, "certificate")),
                         Secret{decode_base64(text_of(record, "key"))}});
    }
    return items;
}

bool is_section(const json& value) {
    return value.is_object() && (value.contains("Account") || value.contains("Certificates"));
}

}  // namespace

Result<std::vector<ImportItem>> read_traefik(std::string_view text, std::string_view resolver) {
    if (text.size() > file_size_max) return not_such_a_file("larger than 256 MiB");
    const json document = json::parse(text, nullptr, false);
    if (document.is_discarded() || !document.is_object()) return not_such_a_file("no JSON object");

    std::string names;
    for (const auto& [name, section] : document.items()) {
        if (!is_section(section)) return not_such_a_file("\"" + name + "\" is no resolver");
        if (name == resolver || document.size() == 1) return items_of(name, section);
        names += (names.empty() ? "" : ", ") + name;
    }
    if (document.empty()) return std::vector<ImportItem>{};
    return Error{Errc::invalid,
                 Origin::config,
                 "the file holds no resolver \"" + std::string(resolver) + "\"; it has " + names};
}

}  // namespace mesh::control

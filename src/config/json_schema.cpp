#include "config/json_schema.hpp"

#include "config/options.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

namespace mesh::config {
namespace {

using SchemaJson = nlohmann::ordered_json;

constexpr std::string_view list_prefix = "list of ";
constexpr std::string_view reference_prefix = ", as in `";
/// A value may be put together from outside.
constexpr const char* substituted = R"(|\$\{)";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
        text.replace(at, from.size(), to);
}

/// "tcp.routers.*.tls.domains.*": a path in letters that a URI holds as they are.
std::string definition_name(std::string_view path) {
    std::string name(path);
    replace_all(name, "<name>", "*");
    replace_all(name, "[]", ".*");
    return name;
}

SchemaJson reference_to(std::string_view path) {
    return {{"$ref", "#/$defs/" + definition_name(path)}};
}

/// The words of "EC256, EC384 or RSA2048"; nothing when some of it is no word.
std::optional<std::vector<std::string>> words_of(std::string_view type) {
    if (type.find(" or ") == std::string_view::npos) return std::nullopt;
    std::string text(type);
    replace_all(text, " or ", ",");
    replace_all(text, ", ", ",");
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (c == ' ') return std::nullopt;
        if (c == ',')
            words.emplace_back();
        else
            words.back() += c;
    }
    return words;
}

/// A regular expression for the words in any case. JSON Schema's have no flag for it.
std::string in_any_case(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
        out += out.empty() ? "" : "|";
        for (const char c : word) {
            const auto letter = static_cast<unsigned char>(c);
            if (std::isalpha(letter) != 0)
                out += {'[',
                        static_cast<char>(std::toupper(letter)),
                        static_cast<char>(std::tolower(letter)),
                        ']'};
            else
                out += c;
        }
    }
    return "^(" + out + ")$";
}

SchemaJson matching(const std::string& pattern) {
    return {{"type", "string"}, {"pattern", pattern + substituted}};
}

SchemaJson choice_of(const std::vector<std::string>& words) {
    return {{"anyOf", {{{"enum", words}}, matching(in_any_case(words))}}};
}

SchemaJson boolean_schema() {
    const std::string words = in_any_case({"true", "yes", "on", "1", "false", "no", "off", "0"});
    return {{"anyOf", {{{"type", "boolean"}}, {{"enum", {0, 1}}}, matching(words)}}};
}

SchemaJson number_schema() {
    return {{"anyOf", {{{"type", "integer"}}, matching("^-?[0-9]+$")}}};
}

/// A single value.
SchemaJson value_schema(std::string_view kind) {
    if (kind == "boolean") return boolean_schema();
    if (kind == "number") return number_schema();
    if (kind == "duration") return {{"type", {"string", "number"}}, {"examples", {"10s", "1h30m"}}};
    if (const auto words = words_of(kind)) return choice_of(*words);
    return {{"type", {"string", "number", "boolean"}}};
}

SchemaJson list_schema(const SchemaJson& item) {
    return {{"type", "array"}, {"items", item}};
}

/// `path` is the option's own.
SchemaJson type_schema(std::string_view type, std::string path) {
    std::string_view kind = type;
    if (const auto at = type.find(reference_prefix); at != std::string_view::npos) {
        kind = type.substr(0, at);
        const std::string_view named = type.substr(at + reference_prefix.size());
        path = named.substr(0, named.find('`'));
    } else if (kind == "list of sections") {
        path += "[]";
    }
    if (kind == "section") return reference_to(path);
    if (kind == "list of sections") return list_schema(reference_to(path));
    if (kind == "empty section") return {{"type", {"object", "null"}}};
    if (kind == "map")
        return {{"type", {"object", "null"}},
                {"additionalProperties", reference_to(path + ".<name>")}};
    if (!kind.starts_with(list_prefix)) return value_schema(kind);
    const SchemaJson item = value_schema(kind.substr(list_prefix.size()));
    return {{"anyOf", {item, list_schema(item)}}};
}

std::string description_of(const OptionText& option) {
    switch (option.support) {
        case Support::later:
            return "Not supported in this version" +
                   (option.help.empty() ? "." : "; " + std::string(option.help) + '.');
        case Support::foreign:
            return "Traefik's; mesh ignores it, with a warning.";
        case Support::refused:
            return "Traefik's; mesh refuses it: " + std::string(option.help) + '.';
        case Support::off_only:
            return "Traefik's; mesh ignores `false`, with a warning, and refuses `true`: " +
                   std::string(option.help) + '.';
        default:
            break;
    }
    std::string out(option.help);
    if (!option.fallback.empty()) out += " Default: " + std::string(option.fallback) + '.';
    return out;
}

SchemaJson option_schema(const SectionText& section, const OptionText& option) {
    SchemaJson out = {{"description", description_of(option)}};
    if (option.support == Support::later || option.support == Support::refused) {
        out["not"] = SchemaJson::object();
    } else if (option.support == Support::foreign) {
        out["deprecated"] = true;
    } else if (option.support == Support::off_only) {
        out["deprecated"] = true;
        out["not"] = {{"const", true}};
    } else {
        const std::string own(option.name);
        out.update(type_schema(option.type,
                               section.path.empty() ? own : std::string(section.path) + '.' + own));
    }
    return out;
}

SchemaJson section_schema(const SectionText& section) {
    SchemaJson properties = SchemaJson::object();
    SchemaJson needed = SchemaJson::array();
    for (const OptionText& option : section.options) {
        if (option.support == Support::label) continue;
        properties[std::string(option.name)] = option_schema(section, option);
        if (option.required) needed.push_back(option.name);
    }
    SchemaJson out = {{"type", {"object", "null"}},
                      {"properties", std::move(properties)},
                      {"additionalProperties", false}};
    if (!needed.empty()) out["required"] = std::move(needed);
    return out;
}

}  // namespace

std::string json_schema() {
    SchemaJson out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", "Configuration of mesh"}};
    SchemaJson definitions = SchemaJson::object();
    for (const SectionText& section : all_sections()) {
        if (section.path.empty())
            out.update(section_schema(section));
        else if (section.path != container_server_section().path)
            definitions[definition_name(section.path)] = section_schema(section);
    }
    out["$defs"] = std::move(definitions);
    return out.dump(2) + '\n';
}

}  // namespace mesh::config

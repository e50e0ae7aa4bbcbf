// docs/mesh.schema.json: what editors know of a configuration.
#include "config/json_schema.hpp"

#include "config/options.hpp"
#include "reference_document.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <regex>
#include <set>

using namespace mesh::config;
using Json = nlohmann::ordered_json;

namespace {

const Json& schema() {
    static const Json parsed = Json::parse(json_schema());
    return parsed;
}

/// All "$ref" below.
void collect_references(const Json& node, std::set<std::string>& out) {
    if (!node.is_structured()) return;
    if (node.is_object() && node.contains("$ref")) out.insert(node["$ref"].get<std::string>());
    for (const Json& inner : node) collect_references(inner, out);
}

const Json& option_of(const std::string& section, const std::string& name) {
    return schema().at("$defs").at(section).at("properties").at(name);
}

/// Whether a string is let through by the "pattern" that stands beside other alternatives.
bool lets_through(const Json& option, const std::string& value) {
    for (const Json& one : option.at("anyOf"))
        if (one.contains("pattern") &&
            std::regex_search(value, std::regex(one["pattern"].get<std::string>())))
            return true;
    return false;
}

}  // namespace

TEST_CASE("schema: the one beside the documentation is what the tables say", "[config][schema]") {
    // To write it anew: mesh_config_reference docs/configuration.md docs/mesh.schema.json
    CHECK(mesh::test::read_whole(MESH_CONFIG_SCHEMA) == json_schema());
}

TEST_CASE("schema: every reference leads to a section, and every section is referred to",
          "[config][schema]") {
    std::set<std::string> used;
    collect_references(schema(), used);
    std::set<std::string> defined;
    for (const auto& [name, ignored] : schema()["$defs"].items()) defined.insert("#/$defs/" + name);
    CHECK(used == defined);
}

TEST_CASE("schema: every option of a file is there, described, and no other", "[config][schema]") {
    for (const SectionText& section : all_sections())
        for (const OptionText& option : section.options) {
            if (section.path == container_server_section().path) continue;
            std::string name(section.path);
            for (const auto& [from, to] : {std::pair("<name>", "*"), std::pair("[]", ".*")})
                for (auto at = name.find(from); at != std::string::npos; at = name.find(from))
                    name.replace(at, std::string(from).size(), to);
            CAPTURE(name, std::string(option.name));
            const Json& found = name.empty() ? schema() : schema()["$defs"].at(name);
            CHECK(found["additionalProperties"] == false);
            const bool is_there = found["properties"].contains(std::string(option.name));
            CHECK(is_there == (option.support != Support::label));
            if (is_there)
                CHECK_FALSE(found["properties"][std::string(option.name)]["description"]
                                .get<std::string>()
                                .empty());
        }
}

TEST_CASE("schema: kinds of values are those that are read", "[config][schema]") {
    const Json key = option_of("certificatesResolvers.*.acme", "keyType");
    CHECK(key["anyOf"][0]["enum"] == Json({"EC256", "EC384", "RSA2048", "RSA4096"}));
    CHECK(lets_through(key, "rsa4096"));
    CHECK(lets_through(key, "${KEY_TYPE}"));
    CHECK_FALSE(lets_through(key, "EC25"));

    const Json flag = option_of("entryPoints.*", "reusePort");
    CHECK(flag["anyOf"][0]["type"] == "boolean");
    CHECK(lets_through(flag, "Yes"));
    CHECK_FALSE(lets_through(flag, "si"));

    CHECK(option_of("tls", "certificates")["items"]["$ref"] == "#/$defs/tls.certificates.*");
    CHECK(option_of("tls.stores.default", "defaultCertificate")["$ref"] ==
          "#/$defs/tls.certificates.*");
    CHECK(option_of("tcp", "routers")["additionalProperties"]["$ref"] == "#/$defs/tcp.routers.*");
    CHECK(schema()["$defs"]["tcp.routers.*"]["required"] == Json({"rule", "service"}));
    CHECK(option_of("tcp.services.*.weighted", "healthCheck").contains("not"));
    CHECK(schema()["properties"]["api"]["deprecated"] == true);
}

TEST_CASE("schema: the words for kinds of values are known ones", "[config][schema]") {
    const std::set<std::string> words = {"address",
                                         "addresses and networks",
                                         "boolean",
                                         "cipher suites",
                                         "curves",
                                         "duration",
                                         "empty section",
                                         "host name",
                                         "host names",
                                         "host:port",
                                         "https URL, letsencrypt or letsencrypt-staging",
                                         "map",
                                         "name",
                                         "names",
                                         "number",
                                         "path",
                                         "paths",
                                         "postgres",
                                         "protocols",
                                         "rule",
                                         "section",
                                         "sections",
                                         "text"};
    for (const SectionText& section : all_sections())
        for (const OptionText& option : section.options) {
            if (option.support != Support::offered) continue;
            std::string kind(option.type.substr(0, option.type.find(", as in `")));
            if (kind.starts_with("list of ")) kind = kind.substr(8);
            CAPTURE(std::string(section.path), std::string(option.name), kind);
            const bool is_choice = kind.find(" or ") != std::string::npos;
            CHECK((is_choice || words.contains(kind)));
        }
}

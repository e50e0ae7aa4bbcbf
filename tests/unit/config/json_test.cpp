#include "config/load.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

using namespace mesh::config;

TEST_CASE("json: findings carry everything a script needs", "[config][json]") {
    const LoadResult result = load_text(
        "entryPoints: { web: { address: \":80\" } }\n"
        "http: {}\n"
        "tcp: { routers: { r: { rule: \"HostSNI('x')\", service: s } } }\n",
        "/etc/mesh/mesh.yaml",
        {});
    const auto json = nlohmann::json::parse(findings_json(result));

    CHECK(json.at("version") == 1);
    CHECK(json.at("valid") == false);
    REQUIRE(json.at("findings").size() == 3);
    CHECK(json.at("findings").at(0) ==
          nlohmann::json({{"severity", "warning"},
                          {"code", "ignored"},
                          {"file", "/etc/mesh/mesh.yaml"},
                          {"line", 2},
                          {"column", 1},
                          {"path", "http"},
                          {"message",
                           "\"http\" is an option of Traefik that mesh does not have; it is "
                           "ignored"},
                          {"hint", ""},
                          {"excerpt", ""}}));
    const auto& rule = json.at("findings").at(1);
    CHECK(rule.at("code") == "bad-rule");
    CHECK(rule.at("column") == 39);
    CHECK(rule.at("excerpt") == "    HostSNI('x')\n            ^~~");
}

TEST_CASE("json: a valid configuration without findings", "[config][json]") {
    const LoadResult result =
        load_text("entryPoints: { web: { address: \":80\" } }", "mesh.yaml", {});

    CHECK(findings_json(result) == R"({"version":1,"valid":true,"findings":[]})");
}

TEST_CASE("json: is UTF-8 whatever the file is called", "[config][json]") {
    const LoadResult result = load_text("[", "caf\xE9.yaml", {});

    CHECK(nlohmann::json::parse(findings_json(result)).at("findings").size() == 1);
}

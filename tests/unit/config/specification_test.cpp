// The four blocks of the specification, byte for byte, in the folder specification/.
#include "config/load.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

#include <fstream>
#include <iterator>

using namespace mesh::config;
using mesh::model::Configuration;
using mesh::model::Router;

namespace {

const std::string folder = std::string(MESH_CONFIG_TESTS) + "/specification/";

std::string block(const std::string& name) {
    std::ifstream in(folder + name, std::ios::binary);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

const std::string entry_point_yaml = "entryPoints: { websecure: { address: \":443\" } }\n";
const std::string entry_point_toml = "[entryPoints.websecure]\naddress = \":443\"\n";

/// What the blocks refer to.
const std::string rest_yaml =
    "  services: { my-tcp-service: { loadBalancer: { servers: [{ address: 127.0.0.1:8443 }] } } }\n"
    "tls: { options: { my-tls-options: { minVersion: VersionTLS13 } } }\n"
    "certificatesResolvers:\n"
    "  myresolver: { acme: { storage: mesh.db, tlsChallenge: {} } }\n";
const std::string rest_toml =
    "[[tcp.services.my-tcp-service.loadBalancer.servers]]\naddress = \"127.0.0.1:8443\"\n"
    "[tls.options.my-tls-options]\nminVersion = \"VersionTLS13\"\n"
    "[certificatesResolvers.myresolver.acme]\nstorage = \"mesh.db\"\ntlsChallenge = {}\n";

/// The findings, with a block's name for its path, and the summary.
std::string listed(const LoadResult& result) {
    std::string out;
    for (const Finding& finding : result.findings) out += render(finding) + '\n';
    out += result.summary + '\n';
    for (auto at = out.find(folder); at != std::string::npos; at = out.find(folder, at))
        out.erase(at, folder.size());
    return out;
}

/// A block of labels or tags, checked together with a file.
LoadResult with_file(const std::string& file, const std::string& block) {
    LoadOptions options;
    options.label_files = {{folder + block, block.ends_with(".json")}};
    return load_text(file, "mesh.yaml", options);
}

std::string text_of(const std::vector<mesh::HostPattern>& names) {
    std::string out;
    for (const auto& name : names) out += name.text() + ' ';
    return out;
}

/// Everything the model has of the router, but for where it stood.
std::string value_of(const Router& router) {
    std::string out = router.rule.text() + '|' + router.service.value + '|';
    for (const std::string& entry_point : router.entry_points) out += entry_point + ',';
    out += '|' + (router.priority ? std::to_string(*router.priority) : "no priority");
    if (!router.tls) return out + "|no tls";
    out += router.tls->passthrough ? "|passthrough" : "|terminate";
    out += '|' + (router.tls->options ? router.tls->options->value : "no options");
    out += '|' + (router.tls->cert_resolver ? router.tls->cert_resolver->value : "no resolver");
    for (const auto& domain : router.tls->domains)
        out += '|' + domain.main.text() + ": " + text_of(domain.sans);
    return out;
}

const std::string the_router =
    "HostSNI(`example.com`)|my-tcp-service|websecure,|no priority|passthrough|my-tls-options|"
    "myresolver|example.com: www.example.com api.example.com ";

}  // namespace

TEST_CASE("specification: alone, a block names what is missing and what has no effect",
          "[config][specification]") {
    CHECK(listed(load_text(entry_point_yaml + block("structured.yaml"), "mesh.yaml", {})) ==
          "mesh.yaml:6:16: error: there is no service named \"my-tcp-service\" "
          "(tcp.routers.my-tls-router.service)\n"
          "mesh.yaml:9:18: warning: TLS options have no effect on a router that passes TLS through "
          "(tcp.routers.my-tls-router.tls.options)\n"
          "mesh.yaml:13:17: warning: a certificate is ordered for \"www.example.com\", but no "
          "router matches it (tcp.routers.my-tls-router.tls.domains[0].sans[0])\n"
          "mesh.yaml:14:17: warning: a certificate is ordered for \"api.example.com\", but no "
          "router matches it (tcp.routers.my-tls-router.tls.domains[0].sans[1])\n"
          "mesh.yaml:15:23: warning: this router passes TLS through and never presents the "
          "certificate that is ordered for it (tcp.routers.my-tls-router.tls.certResolver)\n"
          "mesh.yaml:15:23: error: there is no resolver named \"myresolver\" "
          "(tcp.routers.my-tls-router.tls.certResolver)\n"
          "mesh.yaml: invalid: 2 errors, 4 warnings\n");
    CHECK(listed(load_text(entry_point_toml + block("structured.toml"), "mesh.toml", {})) ==
          "mesh.toml:5:13: error: there is no service named \"my-tcp-service\" "
          "(tcp.routers.my-tls-router.service)\n"
          "mesh.toml:9:15: warning: TLS options have no effect on a router that passes TLS through "
          "(tcp.routers.my-tls-router.tls.options)\n"
          "mesh.toml:10:20: warning: this router passes TLS through and never presents the "
          "certificate that is ordered for it (tcp.routers.my-tls-router.tls.certResolver)\n"
          "mesh.toml:10:20: error: there is no resolver named \"myresolver\" "
          "(tcp.routers.my-tls-router.tls.certResolver)\n"
          "mesh.toml:14:15: warning: a certificate is ordered for \"www.example.com\", but no "
          "router matches it (tcp.routers.my-tls-router.tls.domains[0].sans[0])\n"
          "mesh.toml:14:34: warning: a certificate is ordered for \"api.example.com\", but no "
          "router matches it (tcp.routers.my-tls-router.tls.domains[0].sans[1])\n"
          "mesh.toml: invalid: 2 errors, 4 warnings\n");
}

TEST_CASE("specification: alone, labels and tags say the same; their container is the service",
          "[config][specification]") {
    CHECK(listed(with_file(entry_point_yaml, "labels.yaml")) ==
          "labels.yaml:4:5: note: no labels and no file define the service \"my-tcp-service\": the "
          "container itself is what serves it (Mesh.tcp.routers.my-tls-router.service)\n"
          "labels.yaml:6:5: warning: TLS options have no effect on a router that passes TLS "
          "through (Mesh.tcp.routers.my-tls-router.tls.options)\n"
          "labels.yaml:7:5: warning: this router passes TLS through and never presents the "
          "certificate that is ordered for it (Mesh.tcp.routers.my-tls-router.tls.certResolver)\n"
          "labels.yaml:7:5: error: there is no resolver named \"myresolver\" "
          "(Mesh.tcp.routers.my-tls-router.tls.certResolver)\n"
          "labels.yaml:9:5: warning: a certificate is ordered for \"www.example.com\", but no "
          "router matches it (Mesh.tcp.routers.my-tls-router.tls.domains[0].sans)\n"
          "labels.yaml:9:5: warning: a certificate is ordered for \"api.example.com\", but no "
          "router matches it (Mesh.tcp.routers.my-tls-router.tls.domains[0].sans)\n"
          "mesh.yaml: invalid: 1 error, 4 warnings\n");
    CHECK(listed(with_file(entry_point_yaml, "tags.json")) ==
          "tags.json:2:3: warning: a comment, which JSON does not have; remove it\n"
          "tags.json:4:46: warning: a ',' is missing here; add it\n"
          "tags.json:6:5: note: no labels and no file define the service \"my-tcp-service\": the "
          "container itself is what serves it (Mesh.tcp.routers.my-tls-router.service)\n"
          "tags.json:8:5: warning: TLS options have no effect on a router that passes TLS through "
          "(Mesh.tcp.routers.my-tls-router.tls.options)\n"
          "tags.json:9:5: warning: this router passes TLS through and never presents the "
          "certificate that is ordered for it (Mesh.tcp.routers.my-tls-router.tls.certResolver)\n"
          "tags.json:9:5: error: there is no resolver named \"myresolver\" "
          "(Mesh.tcp.routers.my-tls-router.tls.certResolver)\n"
          "tags.json:11:5: warning: a certificate is ordered for \"www.example.com\", but no "
          "router matches it (Mesh.tcp.routers.my-tls-router.tls.domains[0].sans)\n"
          "tags.json:11:5: warning: a certificate is ordered for \"api.example.com\", but no "
          "router matches it (Mesh.tcp.routers.my-tls-router.tls.domains[0].sans)\n"
          "mesh.yaml: invalid: 1 error, 6 warnings\n");
}

TEST_CASE("specification: completed, all four blocks give one and the same model",
          "[config][specification]") {
    const LoadResult yaml =
        load_text(entry_point_yaml + block("structured.yaml") + rest_yaml, "mesh.yaml", {});
    const LoadResult toml =
        load_text(entry_point_toml + block("structured.toml") + rest_toml, "mesh.toml", {});
    CHECK(yaml.summary == "mesh.yaml: valid: 1 entry point, 1 router, 1 certificate, 4 warnings");
    CHECK(toml.summary == "mesh.toml: valid: 1 entry point, 1 router, 1 certificate, 4 warnings");
    const LoadResult labels = with_file(entry_point_yaml + "tcp:\n" + rest_yaml, "labels.yaml");
    const LoadResult tags = with_file(entry_point_yaml + "tcp:\n" + rest_yaml, "tags.json");
    CHECK(labels.summary == "mesh.yaml: valid: 1 entry point, 1 router, 1 certificate, 4 warnings");
    CHECK(tags.summary == "mesh.yaml: valid: 1 entry point, 1 router, 1 certificate, 6 warnings");
    for (const LoadResult* const result : {&yaml, &toml, &labels, &tags}) {
        REQUIRE(result->configuration);
        CHECK(result->configuration->routers.size() == 1);
        CHECK(result->configuration->services.size() == 1);
    }

    CHECK(value_of(yaml.configuration->routers.at("my-tls-router")) == the_router);
    CHECK(value_of(toml.configuration->routers.at("my-tls-router")) == the_router);
    CHECK(value_of(labels.configuration->routers.at("my-tls-router@docker")) == the_router);
    CHECK(value_of(tags.configuration->routers.at("my-tls-router@consulcatalog")) == the_router);
}

TEST_CASE("specification: the tags as they are meant need no warning", "[config][specification]") {
    std::string text = block("tags.json");
    text.erase(text.find("  //...\n"), 8);
    text.insert(text.find("tls=true\"") + 9, ",");
    const mesh::test::TemporaryFolder place;
    LoadOptions options;
    options.label_files = {{place.write("tags.json", text), true}};
    CHECK(load_text(entry_point_yaml + "tcp:\n" + rest_yaml, "mesh.yaml", options).summary ==
          "mesh.yaml: valid: 1 entry point, 1 router, 1 certificate, 4 warnings");
}

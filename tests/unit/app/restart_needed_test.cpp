#include "app/restart_needed.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <functional>

using namespace mesh;
using namespace mesh::app;

namespace {

model::Configuration running() {
    model::Configuration configuration;
    configuration.entry_points["web"].address = {"", 443};
    configuration.resolvers["le"].ca_server = "https://ca.test/dir";
    configuration.storage = "/var/lib/mesh/mesh.db";
    return configuration;
}

/// The options that need a restart after `change`.
std::vector<std::string> options(const std::function<void(model::Configuration&)>& change,
                                 bool has_store = true) {
    model::Configuration next = running();
    change(next);
    std::vector<std::string> paths;
    for (const auto& finding : restart_needed(restart_options(running()), next, has_store)) {
        CHECK(finding.code == "needs-restart");
        CHECK(finding.severity == config::Severity::error);
        CHECK_THAT(finding.hint, ContainsSubstring("needs a restart in this version"));
        paths.push_back(finding.path);
    }
    return paths;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("restart: nothing is in the way of routers, services, TLS and resolvers") {
    CHECK(options([](model::Configuration& next) {
              next.services["app"];
              next.tls_options["strict"];
              next.certificates.emplace_back();
              next.resolvers["other"].ca_server = "https://other.test/dir";
              next.resolvers["le"].key_type = model::KeyType::ec384;
          }).empty());
    CHECK(options([](model::Configuration& next) { next.resolvers.clear(); }).empty());
}

TEST_CASE("restart: what a running mesh cannot follow is named, all of it at once") {
    CHECK(options([](model::Configuration& next) {
              next.entry_points["web"].address.port = 8443;
              next.entry_points["more"];
              next.workers = 3;
              next.log.level = LogLevel::debug;
              next.log.format = model::LogFormat::json;
              next.log.file_path = "/var/log/mesh.log";
              next.storage = "/elsewhere.db";
          }) == Paths{"entryPoints.more",
                      "entryPoints.web.address",
                      "certificatesResolvers.le.acme.storage",
                      "workers",
                      "log.level",
                      "log.format",
                      "log.filePath"});
    CHECK(options([](model::Configuration& next) { next.entry_points.clear(); }) ==
          Paths{"entryPoints.web"});
    CHECK(options([](model::Configuration& next) { next.entry_points["web"].reuse_port = true; }) ==
          Paths{"entryPoints.web.reusePort"});
}

TEST_CASE("restart: the first resolver needs a store, which is opened at the start") {
    CHECK(options([](model::Configuration& next) {
              next.resolvers.clear();
              next.storage = "/etc/mesh/mesh.db";
          }) == Paths{"certificatesResolvers"});
    CHECK(options([](model::Configuration&) {}, false) == Paths{"certificatesResolvers.le"});
    CHECK(options(
              [](model::Configuration& next) {
                  next.resolvers.clear();
                  next.storage = "/elsewhere.db";
              },
              false)
              .empty());
}

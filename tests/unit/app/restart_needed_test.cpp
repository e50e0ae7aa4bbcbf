#include "app/restart_needed.hpp"

#include "support/catch.hpp"

#include <functional>

using namespace mesh;
using namespace mesh::app;

namespace {

constexpr const char* store = "/var/lib/mesh/mesh.db";

model::Configuration running() {
    model::Configuration configuration;
    configuration.entry_points["web"].address = {"", 443};
    configuration.resolvers["le"].ca_server = "https://ca.test/dir";
    configuration.storage = store;
    return configuration;
}

/// The options that need a restart after `change`.
std::vector<std::string> options(const std::function<void(model::Configuration&)>& change,
                                 const std::string& open_store = store) {
    model::Configuration next = running();
    change(next);
    std::vector<std::string> paths;
    for (const auto& finding : restart_needed(restart_options(running()), next, open_store)) {
        CHECK(finding.code == "needs-restart");
        CHECK(finding.severity == config::Severity::error);
        CHECK_THAT(finding.hint, ContainsSubstring("needs a restart"));
        paths.push_back(finding.path);
    }
    return paths;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("restart: nearly everything is followed") {
    CHECK(options([](model::Configuration& next) {
              next.services["app"];
              next.tls_options["strict"];
              next.certificates.emplace_back();
              next.resolvers["other"].ca_server = "https://other.test/dir";
              next.resolvers["le"].key_type = model::KeyType::ec384;
              next.entry_points["web"].address.port = 8443;
              next.entry_points["more"];
              next.log.level = LogLevel::debug;
              next.log.format = model::LogFormat::json;
              next.log.file_path = "/var/log/mesh.log";
          }).empty());
    CHECK(options([](model::Configuration& next) { next.entry_points.clear(); }).empty());
}

TEST_CASE("restart: what a running mesh cannot follow is named, all of it at once") {
    CHECK(options([](model::Configuration& next) {
              next.workers = 3;
              next.storage = "/elsewhere.db";
          }) == Paths{"certificatesResolvers.le.acme.storage", "workers"});
}

TEST_CASE("restart: resolvers come and go, and the store stays where it is") {
    const auto without = [](model::Configuration& next) {
        next.resolvers.clear();
        next.storage = "/etc/mesh/mesh.db";
    };
    CHECK(options(without).empty());
    CHECK(options(without, "").empty());
    // No store is open yet: it may be anywhere.
    CHECK(options([](model::Configuration& next) { next.storage = "/elsewhere.db"; }, "").empty());
}

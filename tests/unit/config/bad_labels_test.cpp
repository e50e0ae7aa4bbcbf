// Labels and tags that are wrong, as a running mesh takes them: what it says, what it takes out,
// and what is left. Each container, or service of a catalog, stands beside one that is right.
#include "config/label_files.hpp"
#include "fleet.hpp"
#include "support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace mesh;
using namespace mesh::config;
using namespace mesh::test;
namespace fs = std::filesystem;

namespace {

const fs::path labels_folder = fs::path(MESH_CONFIG_TESTS) / "bad_labels";

const std::string files_beside_labels =
    "entryPoints: { web: { address: \":443\" }, other: { address: \":8443\" } }\n"
    "providers: { docker: {}, consulCatalog: {} }\n"
    "certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }\n"
    "tls: { options: { strict: {} } }\n";

std::string text_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// As a provider would hand them on: from nowhere in a file, and each with a server.
std::vector<LabelledUnit> units_in(const fs::path& path) {
    Problems problems;
    const bool is_tags = path.extension() == ".json";
    auto units = is_tags ? read_tags(text_of(path), path.string(), problems)
                         : read_labels(text_of(path), path.string(), problems);
    CHECK(problems.take().empty());
    for (LabelledUnit& unit : units) {
        unit.source =
            std::make_shared<const std::string>((is_tags ? "service " : "container ") + unit.name);
        for (Label& label : unit.labels) label.line = label.column = 0;
        unit.instances = one_instance(unit.name == "no-address" ? "" : "10.0.0.1");
        if (unit.name == "no-port") unit.instances->front().port.reset();
    }
    return units;
}

std::vector<fs::path> label_sets() {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(labels_folder))
        if (entry.path().extension() != ".txt") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    return paths;
}

const LabelPairs right_labels = {{"mesh.tcp.routers.right.rule", "HostSNI(`right.example`)"},
                                 {"mesh.tcp.routers.right.tls", "true"}};

}  // namespace

// After a change of wording: MESH_UPDATE_EXPECTED=1 test_config '[bad-labels]', then read the diff.
TEST_CASE("bad labels: each set yields exactly what stands beside it", "[config][bad-labels]") {
    const bool update = std::getenv("MESH_UPDATE_EXPECTED") != nullptr;
    const auto paths = label_sets();
    CHECK(paths.size() >= 30);
    for (const fs::path& path : paths) {
        CAPTURE(path.filename().string());
        std::vector<LabelledUnit> units = units_in(path);
        REQUIRE_FALSE(units.empty());
        const bool is_tags = units.front().provider != "docker";
        std::vector<InventoryPtr> known;
        if (is_tags) known.push_back(inventory(units));
        std::vector<LabelledUnit> containers{container("right", right_labels)};
        if (!is_tags) containers.insert(containers.end(), units.begin(), units.end());
        known.push_back(inventory(std::move(containers)));

        Running mesh(files_beside_labels);
        const LoadResult& result = mesh.load(known);
        const std::string found = all_findings(result) + '\n' + isolated_objects(result) + '\n' +
                                  labelled_objects(result);
        const fs::path expected = fs::path(path).replace_extension(".txt");
        if (update) std::ofstream(expected, std::ios::binary) << found;

        CHECK(found == text_of(expected));
        // Nothing of it concerns any other container, or the configuration.
        REQUIRE(result.configuration);
        CHECK(result.errors == 0);
        CHECK(result.configuration->routers.contains("right@docker"));
        CHECK_FALSE(result.configuration->routers.at("right@docker").closed);
        CHECK(result.warnings > 0);
    }
}

TEST_CASE("bad labels: what worked before stays, whatever is wrong", "[config][bad-labels]") {
    const LabelPairs before = {{"mesh.tcp.routers.shop.rule", "HostSNI(`before.example`)"},
                               {"mesh.tcp.routers.shop.tls", "true"}};
    for (const fs::path& path : label_sets()) {
        if (path.extension() == ".json") continue;
        CAPTURE(path.filename().string());
        const std::vector<LabelledUnit> units = units_in(path);
        std::vector<LabelledUnit> good;
        for (const LabelledUnit& unit : units) good.push_back(container(unit.name, before));
        Running mesh(files_beside_labels);
        const LoadResult& first = mesh.load(good);
        REQUIRE(first.configuration);
        const bool said_nothing = first.isolated.empty();
        CHECK(said_nothing == (units.size() == 1));
        for (int i = 0; i < 3; ++i) {
            const LoadResult& result = mesh.load(units);
            INFO(all_findings(result));
            REQUIRE(result.configuration);
            const bool is_isolated =
                isolated_objects(result).find("tcp.routers.shop@docker") != std::string::npos;
            const auto& routers = result.configuration->routers;
            if (!is_isolated) continue;
            REQUIRE(routers.contains("shop@docker"));
            if (units.size() > 1) continue;  // two of them have never worked together
            CHECK_FALSE(routers.at("shop@docker").closed);
            CHECK(routers.at("shop@docker").rule.text() == "HostSNI(`before.example`)");
        }
    }
}

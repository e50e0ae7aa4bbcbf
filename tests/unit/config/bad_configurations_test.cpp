#include "config/codes.hpp"
#include "config/load.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace mesh::config;
namespace fs = std::filesystem;

namespace {

const fs::path bad_folder = fs::path(MESH_CONFIG_TESTS) / "bad";

std::optional<std::string> environment(std::string_view name) {
    static const std::map<std::string, std::string, std::less<>> variables = {
        {"SECRET", "hunter2"},
        {"EMPTY", ""},
        {"RULE_BLANK", "HostSNI(`{{ .hunter }}`)"},
        {"SPACED", "hunter two"},
        {"HOST", "secret.example.com"},
        {"HOST_REGEXP", "HostSNIRegexp(`Secret.example`)"}};
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
}

std::string content_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// Everything `mesh check` would print, with paths as they are inside the folder.
std::string checked(const LoadResult& result) {
    std::string out;
    for (const Finding& finding : result.findings) out += render(finding) + '\n';
    out += result.summary + '\n';
    const std::string prefix = bad_folder.string() + '/';
    for (auto at = out.find(prefix); at != std::string::npos; at = out.find(prefix, at))
        out.erase(at, prefix.size());
    return out;
}

std::vector<fs::path> configurations() {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(bad_folder))
        if (entry.path().extension() == ".yaml" || entry.path().extension() == ".toml")
            paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace

// After a change of wording: MESH_UPDATE_EXPECTED=1 test_config '[bad]', then read the diff.
TEST_CASE("bad configurations: each yields exactly the findings beside it", "[config][bad]") {
    const bool update = std::getenv("MESH_UPDATE_EXPECTED") != nullptr;
    const auto paths = configurations();
    CHECK(paths.size() >= 120);

    for (const fs::path& path : paths) {
        CAPTURE(path.filename().string());
        const std::string found = checked(load_file(path.string(), {environment, false}));
        const fs::path expected = fs::path(path).replace_extension(".txt");
        if (update) std::ofstream(expected, std::ios::binary) << found;

        CHECK(found == content_of(expected));
        CHECK(found.find("hunter") == std::string::npos);
        CHECK(found.find("ecret.example") == std::string::npos);
    }
}

TEST_CASE("bad configurations: a file with errors has no configuration", "[config][bad]") {
    for (const fs::path& path : configurations()) {
        CAPTURE(path.filename().string());
        const LoadResult result = load_file(path.string(), {environment, false});
        const bool has_errors =
            std::any_of(result.findings.begin(), result.findings.end(), [](const Finding& f) {
                return f.severity == Severity::error;
            });

        CHECK_FALSE(result.findings.empty());
        CHECK(result.configuration.has_value() == !has_errors);
    }
}

TEST_CASE("bad configurations: every code is documented and shown by one of them",
          "[config][bad]") {
    std::set<std::string> seen = {
        std::string(codes::unreadable),
        // Found in the files that a configuration names, which are read elsewhere.
        std::string(codes::certificate_file),
        std::string(codes::certificate_expired),
        std::string(codes::traefik_store),
        // In labels and tags (label_cases_test.cpp).
        std::string(codes::container_service),
        std::string(codes::nothing_labelled),
        std::string(codes::upstream_name),
        // Only against the configuration of a running process.
        std::string(codes::needs_restart),
        std::string(codes::server_unresolved),
        std::string(codes::cannot_bind),
        std::string(codes::store_failed),
        std::string(codes::log_file),
        // In files of providers.file (provider_files_test.cpp).
        std::string(codes::misplaced),
        std::string(codes::stale),
        std::string(codes::closed)};
    for (const fs::path& path : configurations())
        for (const Finding& finding : load_file(path.string(), {environment, false}).findings)
            seen.insert(finding.code);

    std::set<std::string> documented;
    for (const codes::Code& code : codes::all()) documented.insert(std::string(code.code));
    CHECK(seen == documented);
}

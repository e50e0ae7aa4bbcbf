#include "config/load.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"
#include "work_time.hpp"

using namespace mesh::config;
using mesh::test::cpu_seconds;
using mesh::test::patience;

namespace {

std::string configuration(int routers, const std::string& service_of_all = {}) {
    std::string text =
        "entryPoints: { websecure: { address: \":443\" } }\n"
        "certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }\n"
        "tcp:\n"
        "  routers:\n";
    for (int i = 0; i < routers; ++i) {
        const std::string n = std::to_string(i);
        text += "    r" + n + ": { rule: \"HostSNI(`h" + n + ".example.com`)\", service: " +
                (service_of_all.empty() ? "s" + n : service_of_all) +
                ", tls: { certResolver: le } }\n";
    }
    text += "  services:\n";
    for (int i = 0; i < routers; ++i)
        text += "    s" + std::to_string(i) +
                ": { loadBalancer: { servers: [{ address: \"10.0.0.1:8080\" }] } }\n";
    return text;
}

}  // namespace

TEST_CASE("large: fifty thousand routers load", "[config][large]") {
    const std::string text = configuration(50'000);
    const double began = cpu_seconds();
    const LoadResult result = load_text(text, "/etc/mesh/mesh.yaml", {});

    CHECK(result.summary ==
          "/etc/mesh/mesh.yaml: valid: 1 entry point, 50000 routers, 50000 certificates");
    CHECK(cpu_seconds() - began < patience);
}

TEST_CASE("large: a mistake in every router is counted, not kept", "[config][large]") {
    const std::string text = configuration(5'000, "s1x");
    const double began = cpu_seconds();
    const LoadResult result = load_text(text, "mesh.yaml", {});

    CHECK(result.findings.size() == 1001);
    CHECK(result.findings.back().message == "4000 more findings are not shown");
    CHECK(result.summary == "mesh.yaml: invalid: 5000 errors");
    CHECK(cpu_seconds() - began < patience);
}

TEST_CASE("large: aliases cannot unfold without end", "[config][large]") {
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 60; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " +
                before + ", " + before + "]\n";
    }
    const double began = cpu_seconds();
    const LoadResult result = load_text(text, "mesh.yaml", {});

    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].code == "limit");
    CHECK(cpu_seconds() - began < patience);
}

TEST_CASE("large: one long line is read in linear time", "[config][large]") {
    std::string text = "entryPoints: { wäbsecure: { address: \":443\" } }\nhttp: [";
    for (int i = 0; i < 200'000; ++i) text += "ä, ";
    text += "ä]\n";
    const double began = cpu_seconds();

    CHECK(load_text(text, "mesh.yaml", {}).configuration);
    CHECK(cpu_seconds() - began < patience);
}

TEST_CASE("large: a file above the limit is refused before it is read", "[config][large]") {
    const mesh::test::TemporaryFolder folder;
    const std::string path = folder.write("mesh.yaml", "");
    std::filesystem::resize_file(path, file_size_max + 1);
    const LoadResult result = load_file(path, {});

    REQUIRE(result.findings.size() == 1);
    CHECK(result.findings[0].message == "cannot read the file: it is larger than 67108864 bytes");
}

// providers.file: several files that are one configuration, and what partial leaves of it.
#include "config/codes.hpp"
#include "config/load.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

#include <algorithm>
#include <filesystem>

using namespace mesh;
using namespace mesh::config;
using mesh::test::TemporaryFolder;

namespace {

constexpr const char* service = R"(
tcp: { services: { app: { loadBalancer: { servers: [{ address: "192.0.2.1:80" }] } } } }
)";

/// A main file with the folder "d" as its provider, and whatever else.
class Files {
 public:
    explicit Files(const std::string& more = "", std::string entry_point = "")
        : more_(more), entry_point_(std::move(entry_point)) {
        std::filesystem::create_directories(folder_.path() + "/d");
    }
    Files& put(const std::string& name, const std::string& text) {
        folder_.write("d/" + name, text);
        return *this;
    }
    Files& remove(const std::string& name) {
        std::filesystem::remove(folder_.path() + "/d/" + name);
        return *this;
    }
    [[nodiscard]] LoadResult load(const Isolation* isolation = nullptr) {
        const std::string main = "entryPoints: { web: { address: \":443\"" + entry_point_ +
                                 " } }\nproviders: { file: { directory: d" + more_ + " } }\n";
        LoadOptions options;
        options.isolation = isolation;
        return load_text(main, folder_.path() + "/mesh.yaml", options);
    }
    /// As a running mesh does it, with what `before` left.
    [[nodiscard]] LoadResult again(const LoadResult& before) {
        const Isolation isolation{before.draft, {}};
        return load(&isolation);
    }
    [[nodiscard]] std::string name(const std::string& file) const {
        return folder_.path() + "/d/" + file;
    }

 private:
    TemporaryFolder folder_;
    std::string more_;
    std::string entry_point_;
};

std::string findings(const LoadResult& result) {
    std::string all;
    for (const Finding& finding : result.findings)
        all += finding.code + ": " + render(finding) + "\n";
    return all;
}

std::string state_of(const LoadResult& result, const std::string& path) {
    for (const Isolated& object : result.isolated)
        if (object.path == path) return std::string(to_string(object.state));
    return "";
}

std::string router(const std::string& name, const std::string& rule, const std::string& more = "") {
    return "tcp: { routers: { " + name + ": { rule: \"" + rule + "\", service: app" + more +
           ", tls: { passthrough: true } } } }\n";
}

constexpr const char* partial = ", onError: partial";
const Isolation nothing_known{nullptr, {}};

}  // namespace

TEST_CASE("provider files: all files of a folder are one configuration", "[config][files]") {
    Files files;
    files.put("b.yaml", router("shop", "HostSNI(`shop.example`)"))
        .put("a.yml", service)
        .put("sub.yaml", router("mail", "HostSNI(`mail.example`)"))
        .put(".hidden.yaml", "no: [configuration")
        .put("notes.txt", "neither");
    const LoadResult result = files.load();
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK(result.configuration->routers.size() == 2);
    REQUIRE(result.provider_files.size() == 3);
    CHECK(result.provider_files[0].name == files.name("a.yml"));
    CHECK(result.configuration->file_provider->is_directory);
    CHECK(result.configuration->file_provider->watch);
}

TEST_CASE("provider files: TOML beside YAML", "[config][files]") {
    Files files;
    files.put("a.yaml", service)
        .put("b.toml",
             "[tcp.routers.shop]\nrule = \"HostSNI(`shop.example`)\"\nservice = \"app\"\n"
             "tls = { passthrough = true }\n");
    const LoadResult result = files.load();
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK(result.configuration->routers.at("shop").service.value == "app");
    files.put("b.toml", "[tcp.routers.shop]\nrule = HostSNI\n");
    CHECK_THAT(findings(files.load()), ContainsSubstring("syntax: " + files.name("b.toml") + ":2"));
}

TEST_CASE("provider files: a name given twice names both places", "[config][files]") {
    Files files;
    files.put("a.yaml", service)
        .put("b.yaml", router("shop", "HostSNI(`shop.example`)"))
        .put("c.yaml", router("shop", "HostSNI(`other.example`)"));
    const std::string found = findings(files.load());
    CHECK_THAT(
        found,
        ContainsSubstring(files.name("c.yaml") + ":1:19: error: this router is given twice"));
    CHECK_THAT(found, ContainsSubstring("it stands first in " + files.name("b.yaml") + ":1:19"));
}

TEST_CASE("provider files: static options belong into the main file", "[config][files]") {
    Files files;
    files.put("a.yaml", "entryPoints: { more: { address: \":80\" } }\n");
    CHECK_THAT(findings(files.load()), ContainsSubstring("misplaced: " + files.name("a.yaml")));
}

TEST_CASE("provider files: what the options themselves get wrong", "[config][files]") {
    const auto found = [](const std::string& options) {
        return findings(load_text(
            "entryPoints: { web: { address: \":443\" } }\nproviders: { file: " + options + " }\n",
            "/etc/mesh/mesh.yaml",
            {}));
    };
    CHECK_THAT(found("{ filename: a.yaml, directory: d }"),
               ContainsSubstring("exclude each other"));
    CHECK_THAT(found("{ watch: true }"), ContainsSubstring("names no file and no folder"));
    CHECK_THAT(found("{ filename: nowhere/a.yaml }"),
               ContainsSubstring("cannot read /etc/mesh/nowhere/a.yaml"));
    CHECK_THAT(found("{ directory: nowhere }"), ContainsSubstring("cannot read the folder"));
    CHECK_THAT(found("{ directory: d, onError: ignore }"), ContainsSubstring("onError"));
}

TEST_CASE("provider files: without partial one error refuses everything", "[config][files]") {
    Files files;
    files.put("a.yaml", service)
        .put("b.yaml", router("shop", "HostSNI(`shop.example`)"))
        .put("c.yaml", router("mail", "HostSNI(`mail.example`"));
    const LoadResult result = files.load(&nothing_known);
    CHECK_FALSE(result.configuration);
    CHECK(result.isolated.empty());
}

TEST_CASE("partial: an object that worked before keeps that form", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service)
        .put("b.yaml", router("shop", "HostSNI(`shop.example`)"))
        .put("c.yaml", router("mail", "HostSNI(`mail.example`)"));
    const LoadResult good = files.load(&nothing_known);
    REQUIRE(good.configuration);
    files.put("b.yaml", router("shop", "HostSNI(`broken.example`"))
        .put("c.yaml", router("mail", "HostSNI(`new.example`)"));
    const LoadResult result = files.again(good);
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK(result.configuration->routers.at("shop").rule.text() == "HostSNI(`shop.example`)");
    CHECK(result.configuration->routers.at("mail").rule.text() == "HostSNI(`new.example`)");
    CHECK(state_of(result, "tcp.routers.shop") == "stale");
    CHECK(result.isolated.size() == 1);
    CHECK(result.warnings >= 2);

    // And the same again: what was kept is what worked.
    const LoadResult next = files.again(result);
    REQUIRE(next.configuration);
    CHECK(next.configuration->routers.at("shop").rule.text() == "HostSNI(`shop.example`)");
    // For people it is an error all the same.
    CHECK_FALSE(files.load().configuration);
}

TEST_CASE("partial: a whole file that cannot be read keeps what it held", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service).put("b.yaml", router("shop", "HostSNI(`shop.example`)"));
    const LoadResult good = files.load(&nothing_known);
    files.put("b.yaml", "tcp: [").put("c.yaml", router("mail", "HostSNI(`mail.example`)"));
    const LoadResult result = files.again(good);
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK(result.configuration->routers.size() == 2);
    CHECK(state_of(result, files.name("b.yaml")) == "stale");
}

TEST_CASE("partial: a middleware that worked before keeps that form", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service)
        .put("b.yaml", "tcp: { middlewares: { few: { inFlightConn: { amount: 2 } } } }\n")
        .put("c.yaml", router("shop", "HostSNI(`shop.example`)", ", middlewares: [few]"));
    const LoadResult good = files.load(&nothing_known);
    INFO(findings(good));
    REQUIRE(good.configuration);
    SECTION("when it is wrong") {
        files.put("b.yaml", "tcp: { middlewares: { few: { inFlightConn: { amount: x } } } }\n");
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(state_of(result, "tcp.middlewares.few") == "stale");
        CHECK_FALSE(result.configuration->routers.at("shop").closed);
        CHECK(result.configuration->middlewares.at("few").in_flight_per_source == 2);
    }
    SECTION("when its file cannot be read") {
        files.put("b.yaml", "tcp: [");
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK_FALSE(result.configuration->routers.at("shop").closed);
        CHECK(result.configuration->middlewares.at("few").in_flight_per_source == 2);
    }
}

TEST_CASE("partial: nothing becomes laxer", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service);

    SECTION("a new router with an error is closed") {
        files.put("b.yaml", router("shop", "HostSNI(`shop.example`)", ", priority: x"));
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
        CHECK(state_of(result, "tcp.routers.shop") == "closed");
    }
    SECTION("so is one that misses its service") {
        files
            .put("a.yaml",
                 "tcp: { services: { app: { loadBalancer: { servers: [{ address: x }] } } } }")
            .put("b.yaml", router("shop", "HostSNI(`shop.example`)"));
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
        CHECK(state_of(result, "tcp.services.app") == "left out");
    }
    SECTION("so is one whose TLS options never worked") {
        files.put(
            "b.yaml",
            "tls: { options: { strict: { minVersion: VersionTLS9 } } }\n"
            "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: app, tls: { "
            "options: strict } } } }\n");
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
        CHECK(result.configuration->routers.at("shop").tls);
    }
    SECTION("so is every router of default options that never worked") {
        files.put("b.yaml",
                  "tls: { options: { default: { clientAuth: { caFiles: [missing.pem] } } } }\n"
                  "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: app, tls: "
                  "{} } } }\n");
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
    }
    SECTION("so is one whose TLS options an entry point fills in") {
        Files other(partial, ", tls: {}");
        other.put("a.yaml", service)
            .put("b.yaml",
                 "tls: { options: { default: { clientAuth: { caFiles: [missing.pem] } } } }\n"
                 "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: app } } "
                 "}\n");
        const LoadResult result = other.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
        CHECK(result.configuration->routers.at("shop").tls);
    }
    SECTION("so is one whose middleware never worked") {
        files
            .put("b.yaml",
                 "tcp: { middlewares: { office: { ipAllowList: { sourceRange: [x] } } } }\n")
            .put("c.yaml", router("shop", "HostSNI(`shop.example`)", ", middlewares: [office]"));
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
        CHECK(state_of(result, "tcp.middlewares.office") == "left out");
    }
    SECTION("one that names an entry point that is not there is closed on all") {
        files.put("b.yaml", router("shop", "HostSNI(`shop.example`)", ", entryPoints: [wbe]"));
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
        CHECK(result.configuration->routers.at("shop").entry_points ==
              std::vector<std::string>{"web"});
    }
    SECTION("more errors than are kept refuse everything") {
        std::string services = "tcp: { services: { ";
        for (int i = 0; i < 1'100; ++i) services += "s" + std::to_string(i) + ": { wrong: 1 }, ";
        files.put("b.yaml", services + "} }\n");
        CHECK_FALSE(files.load(&nothing_known).configuration);
    }
    SECTION("a rule that cannot be read refuses everything") {
        files.put("b.yaml", router("shop", "HostSNI(`shop.example`"));
        const LoadResult result = files.load(&nothing_known);
        CHECK_FALSE(result.configuration);
        CHECK_THAT(findings(result), ContainsSubstring("bad-rule"));
    }
    SECTION("so does an error in the main file") {
        Files other(partial + std::string(", watc: true"));
        other.put("a.yaml", service);
        CHECK_FALSE(other.load(&nothing_known).configuration);
    }
    SECTION("errors in certificate files count as their options'") {
        files.put(
            "b.yaml",
            "tls: { options: { strict: {} } }\n"
            "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: app, tls: { "
            "options: strict } } } }\n");
        const LoadResult good = files.load(&nothing_known);
        REQUIRE(good.configuration);
        const model::TlsOptions& strict = good.configuration->tls_options.at("strict");
        const Isolation isolation{nullptr,
                                  {Finding{Severity::error,
                                           std::string(codes::certificate_file),
                                           *strict.at.file,
                                           strict.at.line,
                                           strict.at.column,
                                           strict.at.path,
                                           "no certificate in it",
                                           "",
                                           ""}}};
        const LoadResult result = files.load(&isolation);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
    }
}

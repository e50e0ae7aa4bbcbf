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
    Files& main(const std::string& text) {
        main_ = text;
        return *this;
    }
    Files& remove(const std::string& name) {
        std::filesystem::remove(folder_.path() + "/d/" + name);
        return *this;
    }
    [[nodiscard]] LoadResult load(const Isolation* isolation = nullptr) {
        const std::string main = "entryPoints: { web: { address: \":443\"" + entry_point_ +
                                 " } }\nproviders: { file: { directory: d" + more_ + " } }\n" +
                                 main_;
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
    std::string main_;
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

std::string tls_router(const std::string& name, const std::string& more) {
    return "tcp: { routers: { " + name + ": { rule: \"HostSNI(`" + name +
           ".example`)\", service: app, tls: {}" + more + " } } }\n";
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

TEST_CASE("provider files: a dangling link counts only if its name does", "[config][files]") {
    Files files;
    files.put("a.yaml", service);
    std::filesystem::create_symlink("nowhere", files.name("notes.txt"));
    CHECK(files.load().configuration);
    std::filesystem::create_symlink("nowhere", files.name("b.yaml"));
    CHECK_THAT(findings(files.load()), ContainsSubstring("unreadable: "));
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
        files.put("b.yaml", "tcp: [")
            .put("c.yaml", router("shop", "HostSNI(`new.example`)", ", middlewares: [few]"));
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK_FALSE(result.configuration->routers.at("shop").closed);
        CHECK(result.configuration->routers.at("shop").rule.text() == "HostSNI(`new.example`)");
        CHECK(result.isolated.size() == 1);
        CHECK(result.configuration->middlewares.at("few").in_flight_per_source == 2);
    }
}

TEST_CASE("partial: nothing becomes laxer", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service);

    SECTION("a new router with an error is closed") {
        files.put("b.yaml", router("shop", "HostSNI(`shop.example`)", ", onRemove: x"));
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

TEST_CASE("partial: default TLS options that go take every router under them along",
          "[config][files]") {
    Files files(partial);
    const std::string strict =
        "tls: { options: { default: { clientAuth: { caFiles: [ca.pem], clientAuthType: "
        "RequireAndVerifyClientCert } } } }\n";
    files.put("ca.pem", "CA").put("a.yaml", service).put("b.yaml", strict);

    const auto closed_without_the_file = [&](const std::string& name) {
        const LoadResult good = files.load(&nothing_known);
        INFO(findings(good));
        REQUIRE(good.configuration);
        CHECK_FALSE(good.configuration->routers.at(name).closed);
        files.remove("ca.pem");
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at(name).closed);
        CHECK(state_of(result, "tcp.routers." + name) == "closed");
        CHECK(state_of(result, "tls.options.default") == "left out");
        // What was closed does not open because it was applied.
        const LoadResult next = files.again(result);
        REQUIRE(next.configuration);
        CHECK(next.configuration->routers.at(name).closed);
        files.put("ca.pem", "CA");
        const LoadResult mended = files.again(next);
        REQUIRE(mended.configuration);
        CHECK_FALSE(mended.configuration->routers.at(name).closed);
    };
    SECTION("that worked before") {
        files.put("c.yaml", tls_router("shop", ""));
        closed_without_the_file("shop");
    }
    SECTION("that are called default@file") {
        files.put("c.yaml",
                  "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", service: app, tls: "
                  "{ options: default@file } } } }\n");
        closed_without_the_file("shop");
    }
    SECTION("in the main file") {
        files.main(tls_router("shop", ""));
        closed_without_the_file("shop");
    }
    SECTION("also one that is wrong itself at the same time") {
        files.put("c.yaml", tls_router("shop", ""));
        const LoadResult good = files.load(&nothing_known);
        files.remove("ca.pem").put("c.yaml", tls_router("shop", ", onRemove: x"));
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
    }
    SECTION("also one whose file cannot be read at the same time") {
        files.put("c.yaml", tls_router("shop", ""));
        const LoadResult good = files.load(&nothing_known);
        files.remove("ca.pem").put("c.yaml", "tcp: [");
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("shop").closed);
    }
}

TEST_CASE("partial: doubt about what a new router matches refuses everything", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service).put("z.yaml", router("lax", "HostSNI(`*`)"));
    const auto refused = [&](const std::string& fields) {
        files.put(
            "b.yaml",
            "tcp: { routers: { shop: { rule: \"HostSNI(`shop.example`)\", " + fields + " } } }\n");
        INFO(fields);
        CHECK_FALSE(files.load(&nothing_known).configuration);
    };
    for (const char* wrong : {"priority: 1OOO",
                              "priorty: 1000",
                              "tsl: {}",
                              "entryPoint: web",
                              "entryPoints: { web: }",
                              "entryPoints: [web, [web]]",
                              "\"middlewares[0]\": m",
                              "\"service.app\": m"})
        refused("service: app, tls: {}, " + std::string(wrong));
    refused("service: app, tls: true");
    refused("service: app, tls: [x]");
    refused("service: app, \"tls.passthrough\": true");
    refused("service: app");                            // TLS or not
    refused("service: none, priority: 1OOO, tls: {}");  // whatever else is wrong before
    refused("onRemove: x, service: app, entryPoints: [wbe, {}], tls: {}");
}

TEST_CASE("partial: a router that worked keeps its form, whatever is wrong in the new one",
          "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service).put("b.yaml", router("shop", "HostSNI(`shop.example`)"));
    const LoadResult good = files.load(&nothing_known);
    REQUIRE(good.configuration);
    for (const char* wrong : {", priority: 1OOO", ", priorty: 5", ", entryPoints: [[web]]"}) {
        files.put("b.yaml", router("shop", "HostSNI(`shop.example`)", wrong));
        const LoadResult result = files.again(good);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(state_of(result, "tcp.routers.shop") == "stale");
        CHECK_FALSE(result.configuration->routers.at("shop").closed);
    }
}

TEST_CASE("partial: an error belongs to one object beyond doubt, or refuses everything",
          "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service);
    const std::string passes =
        ": { rule: \"HostSNI(`a.example`)\", service: app, tls: { passthrough: "
        "true } }, ";
    const std::string wrong =
        ": { rule: \"HostSNI(`b.example`)\", service: app, tls: { options: [[m]] } } } }\n";
    SECTION("a router named like an option of another") {
        files.put("b.yaml", "tcp: { routers: { db.tls" + passes + "db" + wrong);
        CHECK_FALSE(files.load(&nothing_known).configuration);
    }
    SECTION("a dot in a name alone is no doubt") {
        files.put("b.yaml", "tcp: { routers: { mail" + passes + "db.tls" + wrong);
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at("db.tls").closed);
        CHECK_FALSE(result.configuration->routers.at("mail").closed);
    }
    SECTION("names that findings cut short") {
        const std::string name(70, 'x');
        files.put("b.yaml", "tcp: { routers: { mail" + passes + name + wrong);
        const LoadResult result = files.load(&nothing_known);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.configuration->routers.at(name).closed);
        files.put("b.yaml", "tcp: { routers: { " + name + "1" + passes + name + "2" + wrong);
        CHECK_FALSE(files.load(&nothing_known).configuration);
    }
    SECTION("a name that cannot be one") {
        files.put("b.yaml", "tcp: { routers: { db" + passes + "\"db.x@y\"" + wrong);
        CHECK_FALSE(files.load(&nothing_known).configuration);
    }
    SECTION("a name that two files give") {
        files.main(router("shop", "HostSNI(`shop.example`)"));
        const LoadResult good = files.load(&nothing_known);
        REQUIRE(good.configuration);
        files.put("b.yaml", router("shop", "HostSNI(`evil.example`)"));
        CHECK_FALSE(files.load(&nothing_known).configuration);
        CHECK_FALSE(files.again(good).configuration);
    }
    SECTION("a name that stands twice in a file") {
        files.put("b.yaml", "tcp: { routers: { shop" + passes + "shop" + passes + " } }\n");
        CHECK_FALSE(files.load(&nothing_known).configuration);
        files.put("b.yaml", "tcp: { routers: { shop" + passes + " } }\n");
        const LoadResult good = files.load(&nothing_known);
        REQUIRE(good.configuration);
        files.put("b.yaml",
                  "tcp: { routers: { shop: { rule: \"HostSNI(`b.example`)\", service: app, tls: { "
                  "passthrough: true } }, shop" +
                      passes + " } }\n");
        CHECK_FALSE(files.again(good).configuration);
    }
}

TEST_CASE("partial: several errors in one object are one object", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service)
        .put("b.yaml",
             "tcp: { services: { bad: { loadBalancer: { servers: [{ address: x }, { "
             "address: y }] } } } }\n");
    const LoadResult result = files.load(&nothing_known);
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK(state_of(result, "tcp.services.bad") == "left out");
}

TEST_CASE("partial: more errors than are shown are all isolated", "[config][files]") {
    Files files(partial);
    constexpr int many = 1'100;
    std::string routers = "tcp: { routers: { ";
    for (int i = 0; i < many; ++i) {
        const std::string name = "r" + std::to_string(i);
        routers +=
            name + ": { rule: \"HostSNI(`" + name +
            ".example`)\", service: app, middlewares: [office], tls: { passthrough: true } }, ";
    }
    const std::string office = "tcp: { middlewares: { office: { ipAllowList: { sourceRange: ";
    files.put("a.yaml", service)
        .put("b.yaml", office + "[192.0.2.0/24] } } } }\n")
        .put("c.yaml", routers + "} }\n");
    const LoadResult good = files.load(&nothing_known);
    REQUIRE(good.configuration);
    files.put("b.yaml", office + "[x] } } } }\n");
    const auto all_closed = [&](const LoadResult& result) {
        REQUIRE(result.configuration);
        const auto& all = result.configuration->routers;
        CHECK(all.size() == many);
        CHECK(std::all_of(
            all.begin(), all.end(), [](const auto& router) { return router.second.closed; }));
        CHECK(result.isolated.size() >= many);
        CHECK(result.findings.size() <= 1'001);
    };
    all_closed(files.load(&nothing_known));
    files.remove("b.yaml");
    all_closed(files.again(good));
    // People see as much as before.
    const LoadResult refused = files.load();
    CHECK(refused.findings.size() == 1'001);
    CHECK(refused.errors == many);
}

TEST_CASE("partial: more errors than can be held refuse everything", "[config][large]") {
    Files files(partial);
    const auto with_errors = [&](int count) {
        std::string ranges = "x";
        for (int i = 1; i < count; ++i) ranges += ", x";
        files.put(
            "a.yaml",
            "tcp: { middlewares: { m: { ipAllowList: { sourceRange: [" + ranges + "] } } } }\n");
        return files.load(&nothing_known);
    };
    CHECK(with_errors(100'000).configuration);
    CHECK_FALSE(with_errors(100'001).configuration);
}

TEST_CASE("partial: advice is given on what is applied", "[config][files]") {
    Files files(partial);
    files.put("a.yaml", service)
        .put("b.yaml", router("shop", "HostSNI(`shop.example`)"))
        .put("c.yaml", router("shop2", "HostSNI(`shop.example`)"))
        .put("d.yaml", "tcp: { services: { bad: {} } }\n");
    const LoadResult result = files.load(&nothing_known);
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK_THAT(findings(result), ContainsSubstring("same-rule"));
}

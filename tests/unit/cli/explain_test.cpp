// `mesh check --explain`: which way a connection goes, told without one.
#include "cli/explain.hpp"

#include "../config/temporary_folder.hpp"
#include "config/load.hpp"
#include "support/catch.hpp"
#include "tls/certificate.hpp"

#include <nlohmann/json.hpp>

using namespace mesh;
using namespace mesh::cli;
using Source = PresentedCertificate::Source;

namespace {

const WallTime now = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22));

const char* const frame = R"yaml(
entryPoints:
  websecure: { address: ":443" }
  other: { address: "127.0.0.1:443" }
  pg: { address: ":5432" }
certificatesResolvers:
  le: { acme: { tlsChallenge: {} } }
tcp:
  middlewares:
    few: { inFlightConn: { amount: 20 } }
  services:
    shop: { loadBalancer: { servers: [{ address: "127.0.0.1:8080" }, { address: "127.0.0.1:8081" }] } }
    office: { loadBalancer: { servers: [{ address: "127.0.0.1:9090" }], healthCheck: { interval: 5s } } }
    both: { weighted: { services: [{ name: shop, weight: 3 }, { name: office }] } }
  routers:
    pg: { rule: "HostSNI(`*`)",
                  service : office, entryPoints : [pg]
}
    pgInside: { rule: "ClientIP(`10.0.0.0/8`)", service: shop, entryPoints: [pg] }
)yaml";

/// Routers on `websecure`, each line one of them.
class Checked {
 public:
    explicit Checked(const std::string& routers, const std::string& more = {}) {
        auto result = config::load_text(frame + routers + more, folder_.file("mesh.yaml"), {});
        INFO(result.summary);
        REQUIRE(result.configuration.has_value());
        configuration_ = std::move(*result.configuration);
    }

    const test::TemporaryFolder& folder() const { return folder_; }
    /// All entry points that are asked about.
    std::vector<Explanation> all(std::string_view asked) {
        deciding_.emplace(look_at_what_decides(configuration_, false, now).value());
        target_.emplace(parse_explain_target(asked).value());
        return explain(*deciding_, *target_);
    }
    /// What `websecure` does with the name.
    Explanation at_websecure(std::string_view name) {
        for (Explanation& one : all(name))
            if (one.entry_point->name == "websecure") return one;
        throw std::runtime_error("no websecure");
    }
    const ExplainTarget& target() const { return *target_; }

 private:
    test::TemporaryFolder folder_;
    model::Configuration configuration_;
    std::optional<Deciding> deciding_;
    std::optional<ExplainTarget> target_;
};

std::string line(const std::string& name, const std::string& rest) {
    return "    " + name + ": { entryPoints: [websecure], " + rest + " }\n";
}

}  // namespace

TEST_CASE("explain: router, options, middlewares, order and servers of a name") {
    Checked checked(
        line("shop",
             "rule: \"HostSNI(`shop.example`) || HostSNI(`www.shop.example`)\", service: "
             "shop, middlewares: [few], tls: { certResolver: le, options: modern }"),
        "tls: { options: { modern: { minVersion: VersionTLS13 } } }\n");
    const Explanation found = checked.at_websecure("WWW.shop.example.");
    REQUIRE(found.router != nullptr);
    CHECK(found.router->name == "shop");
    CHECK(found.options == "modern");
    CHECK(found.certificate->source == Source::refused);
    CHECK(found.certificate->wanted->resolver == "le");
    const std::string text = describe_explanation(found, checked.target());
    CHECK(
        text.starts_with("www.shop.example on websecure (:443)\n    router       shop: HostSNI("));
    CHECK_THAT(text, ContainsSubstring("middlewares  few\n"));
    CHECK_THAT(text, ContainsSubstring("none yet: refused with the alert unrecognized_name\n"));
    CHECK_THAT(text, ContainsSubstring("ordered      shop.example, www.shop.example, by le\n"));
    CHECK_THAT(text, ContainsSubstring("service      shop: 127.0.0.1:8080, 127.0.0.1:8081\n"));
}

TEST_CASE("explain: the router is the one that wins, and those some clients get are named") {
    Checked checked(
        line("wide", "rule: \"HostSNI(`*`)\", service: office, tls: {}") +
        line("star",
             "rule: \"HostSNI(`*.example`)\", service: office, tls: { passthrough: true }") +
        line("shop", "rule: \"HostSNI(`shop.example`)\", service: shop, tls: {}") +
        line("inside",
             "rule: \"HostSNI(`shop.example`) && ClientIP(`10.0.0.0/8`)\", service: office, "
             "tls: {}") +
        line("http",
             "rule: \"HostSNI(`shop.example`) && ALPN(`h2`)\", priority: 999, service: "
             "office, tls: {}"));
    const Explanation shop = checked.at_websecure("shop.example");
    CHECK(shop.router->name == "shop");
    REQUIRE(shop.unless.size() == 2);
    CHECK(shop.unless[0]->name == "http");
    CHECK(shop.unless[1]->name == "inside");
    CHECK_THAT(describe_explanation(shop, checked.target()),
               ContainsSubstring("ClientIP(`10.0.0.0/8`)"));

    const Explanation passed = checked.at_websecure("mail.example");
    CHECK(passed.router->name == "star");
    CHECK(passed.certificate->source == Source::server);
    CHECK(passed.options.empty());
    CHECK(checked.at_websecure("a.b.test").router->name == "wide");
}

TEST_CASE("explain: a name no router takes is refused, and the nearest one named") {
    Checked checked(line("shop", "rule: \"HostSNI(`shop.example`)\", service: shop, tls: {}"));
    const Explanation refused = checked.at_websecure("shop.exampel");
    CHECK(refused.router == nullptr);
    CHECK_THAT(describe_explanation(refused, checked.target()),
               ContainsSubstring("router       none: refused with the alert unrecognized_name; did "
                                 "you mean shop.example?\n"));
}

TEST_CASE(
    "explain: a port chooses the entry points, and one without TLS does not look at the name") {
    Checked checked(line("shop", "rule: \"HostSNI(`shop.example`)\", service: shop, tls: {}"));
    CHECK(checked.all("shop.example").size() == 3);
    CHECK(checked.all("shop.example:443").size() == 2);
    CHECK(checked.all("shop.example:8443").empty());

    const auto plain = checked.all("shop.example:5432");
    REQUIRE(plain.size() == 1);
    CHECK(plain[0].plain_only);
    CHECK(plain[0].router->name == "pg");
    REQUIRE(plain[0].unless.size() == 1);
    CHECK(plain[0].unless[0]->name == "pgInside");
    CHECK_FALSE(plain[0].certificate);
}

TEST_CASE("explain: the certificate is the one a handshake would get") {
    Checked checked(
        line("own", "rule: \"HostSNI(`mesh.default.invalid`)\", service: shop, tls: {}") +
            line("bare", "rule: \"HostSNI(`bare.example`)\", service: shop, tls: {}") +
            line("strict",
                 "rule: \"HostSNI(`strict.example`)\", service: shop, tls: { options: s }"),
        "tls: { options: { s: { sniStrict: true } } }\n");
    CHECK(checked.at_websecure("mesh.default.invalid").certificate->source == Source::self_signed);
    CHECK(checked.at_websecure("bare.example").certificate->source == Source::self_signed);
    CHECK(checked.at_websecure("strict.example").certificate->source == Source::refused);
}

TEST_CASE("explain: a certificate from a file is shown with its file and its end") {
    test::TemporaryFolder folder;
    const auto credential = *tls::make_default_credential(now);
    const std::string cert = folder.write("own.pem", credential->chain().to_pem());
    const std::string key =
        folder.write("own.key", std::string(credential->key().to_pem().reveal()));
    Checked checked(
        line("own", "rule: \"HostSNI(`mesh.default.invalid`)\", service: shop, tls: {}"),
        "tls: { certificates: [{ certFile: \"" + cert + "\", keyFile: \"" + key + "\" }] }\n");
    const Explanation found = checked.at_websecure("mesh.default.invalid");
    CHECK(found.certificate->source == Source::file);
    CHECK(found.certificate->file == cert);
    CHECK(found.certificate->valid);
    const auto json = explanations_json({found}, checked.target());
    CHECK(json["entry_points"][0]["certificate"]["source"] == "file");
    CHECK(json["entry_points"][0]["certificate"]["valid"] == true);
    CHECK(json["entry_points"][0]["router"]["name"] == "own");
    CHECK(json["entry_points"][0]["servers"].size() == 2);
    CHECK(json["entry_points"][0]["weights"].dump() == "[1,1]");
    CHECK(json["entry_points"][0]["strategy"] == "wrr");
    CHECK(json["name"] == "mesh.default.invalid");
}

TEST_CASE(
    "explain: of a service made of others these are shown, of one that is checked how often") {
    Checked checked(line("mix", "rule: \"HostSNI(`mix.example`)\", service: both, tls: {}") +
                    line("own", "rule: \"HostSNI(`own.example`)\", service: office, tls: {}"));
    const Explanation mix = checked.at_websecure("mix.example");
    CHECK_THAT(describe_explanation(mix, checked.target()),
               ContainsSubstring("both: shop (weight 3), office (weight 1)"));
    const auto json = explanations_json({mix}, checked.target());
    const auto& told = json["entry_points"][0];
    CHECK(told["strategy"].is_null());
    CHECK(told["servers"].empty());
    CHECK(told["services"].size() == 2);
    CHECK(told["services"][0]["name"] == "shop");
    CHECK(told["services"][0]["weight"] == 3);
    CHECK(told["services"][0]["servers"].size() == 2);
    CHECK(told["services"][0]["strategy"] == "wrr");
    CHECK(told["services"][0]["services"].empty());
    CHECK(told["services"][1]["health_check"].dump() ==
          R"({"port":null,"interval_ms":5000,"unhealthy_interval_ms":5000,"timeout_ms":3000})");
    const std::string text = describe_explanation(mix, checked.target());
    CHECK_THAT(text, ContainsSubstring("\n                 shop: 127.0.0.1:8080, "));
    CHECK_THAT(text, ContainsSubstring("\n                 office: 127.0.0.1:9090; looked at"));
    const Explanation own = checked.at_websecure("own.example");
    CHECK_THAT(describe_explanation(own, checked.target()),
               ContainsSubstring("127.0.0.1:9090; looked at every 5s"));
    const auto of_own = explanations_json({own}, checked.target());
    CHECK(of_own["entry_points"][0]["health_check"]["interval_ms"] == 5000);
}

TEST_CASE("explain: without the secrets, what depends on them is named all the same") {
    config::LoadOptions options;
    options.no_secrets = true;
    auto loaded = config::load_text(R"yaml(
entryPoints: { hidden: { address: "${X}" } }
tcp:
  routers: { a: { rule: "HostSNI(`a.example`)", service: s, middlewares: [m], tls: {} } }
  services: { s: { loadBalancer: { servers: [{ address: "${X}" }] } } }
  middlewares: { m: { ipAllowList: { sourceRange: ["${X}"] } } }
)yaml",
                                    "mesh.yaml",
                                    options);
    REQUIRE(loaded.configuration.has_value());
    const auto target = parse_explain_target("a.example").value();
    const auto deciding = look_at_what_decides(std::move(*loaded.configuration), true, now).value();
    const auto found = explain(deciding, target);
    REQUIRE(found.size() == 1);
    const std::string text = describe_explanation(found[0], target);
    CHECK(text.starts_with("a.example on hidden (its address is not known here)\n"));
    CHECK_THAT(text, ContainsSubstring("router       a: HostSNI(`a.example`)"));
    CHECK_THAT(text, ContainsSubstring("middlewares  m\n"));
    CHECK_THAT(text, ContainsSubstring("service      s: its servers are not known here\n"));
}

TEST_CASE("explain: what is no name with a port is refused") {
    CHECK(parse_explain_target("BÜCHER.example")->name.text() == "xn--bcher-kva.example");
    CHECK(parse_explain_target("a.example:8443")->port == 8443);
    for (const char* const wrong : {"",
                                    ":443",
                                    "a.example:",
                                    "a.example:0",
                                    "a.example:65536",
                                    "a.example:x",
                                    "*.example",
                                    "192.0.2.1",
                                    "[::1]:443",
                                    "a b"}) {
        CAPTURE(wrong);
        CHECK_FALSE(parse_explain_target(wrong).has_value());
    }
}

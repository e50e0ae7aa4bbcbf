// What routers take from their entry points.
#include "config/load.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace mesh::config;
using namespace mesh::model;

namespace {

Configuration loaded(const std::string& entry_points, const std::string& routers) {
    const std::string text =
        "entryPoints:\n" + entry_points +
        "certificatesResolvers: { le: { acme: { tlsChallenge: {} } }, own: { acme: { tlsChallenge: "
        "{}, caServer: 'https://ca.internal/dir' } } }\n"
        "tls: { options: { a: {}, b: {} } }\n"
        "tcp:\n  routers:\n" +
        routers +
        "  services: { shop: { loadBalancer: { servers: [{ address: '127.0.0.1:80' }] } } }\n";
    LoadResult result = load_text(text, "/etc/mesh/mesh.yaml", {});
    for (const Finding& finding : result.findings) UNSCOPED_INFO(render(finding));
    REQUIRE(result.configuration);
    return *std::move(result.configuration);
}

std::string options_of(const Router& router) {
    REQUIRE(router.tls);
    return router.tls->options ? router.tls->options->value : "";
}
std::string resolver_of(const Router& router) {
    REQUIRE(router.tls);
    return router.tls->cert_resolver ? router.tls->cert_resolver->value : "";
}

const std::string one_with_tls =
    "  web: { address: ':80' }\n"
    "  websecure: { address: ':443', tls: { options: a, certResolver: le } }\n";

}  // namespace

TEST_CASE("inherit: a router without entry points is on the default ones", "[config][inherit]") {
    const std::string router = "    r: { rule: 'HostSNI(`*`)', service: shop }\n";
    const auto all = loaded("  a: { address: ':1' }\n  b: { address: ':2' }\n", router);
    CHECK(all.routers.at("r").entry_points == std::vector<std::string>{"a", "b"});
    const auto flagged = loaded(
        "  a: { address: ':1' }\n  b: { address: ':2', asDefault: true }\n"
        "  c: { address: ':3', asDefault: yes }\n  d: { address: ':4', asDefault: false }\n",
        router + "    s: { rule: 'HostSNI(`*`)', service: shop, entryPoints: a, priority: 9 }\n");
    CHECK(flagged.routers.at("r").entry_points == std::vector<std::string>{"b", "c"});
    CHECK(flagged.routers.at("s").entry_points == std::vector<std::string>{"a"});
}

TEST_CASE("inherit: a router whose rule names a host becomes TLS, another stays plain",
          "[config][inherit]") {
    const auto out = loaded(one_with_tls,
                            "    named: { rule: 'HostSNI(`a.example.com`)', service: shop }\n"
                            "    all: { rule: 'HostSNI(`*`)', service: shop }\n"
                            "    tls: { rule: 'HostSNI(`*`)', service: shop, tls: {} }\n");
    CHECK(options_of(out.routers.at("named")) == "a");
    CHECK(resolver_of(out.routers.at("named")) == "le");
    CHECK_FALSE(out.routers.at("all").tls);
    CHECK(options_of(out.routers.at("tls")) == "a");
}

TEST_CASE("inherit: what a router says itself stands", "[config][inherit]") {
    const auto out = loaded(
        "  websecure: { address: ':443', tls: { options: a, certResolver: le, domains: [{ main: "
        "x.example.com, sans: y.example.com }] } }\n",
        "    options: { rule: 'HostSNI(`x.example.com`)', service: shop, tls: { options: b } }\n"
        "    resolver: { rule: 'HostSNI(`y.example.com`)', service: shop, tls: { certResolver: own "
        "} }\n"
        "    domains: { rule: 'HostSNI(`z.example.com`)', service: shop, tls: { domains: [{ main: "
        "z.example.com }] } }\n"
        "    passes: { rule: 'HostSNI(`p.example.com`)', service: shop, tls: { passthrough: true } "
        "}\n");
    const Router& options = out.routers.at("options");
    CHECK(options_of(options) == "b");
    CHECK(resolver_of(options) == "le");
    REQUIRE(options.tls->domains.size() == 1);
    CHECK(options.tls->domains[0].main.text() == "x.example.com");
    CHECK(options.tls->domains[0].sans.size() == 1);
    CHECK(resolver_of(out.routers.at("resolver")) == "own");
    CHECK(options_of(out.routers.at("resolver")) == "a");
    CHECK(out.routers.at("domains").tls->domains[0].main.text() == "z.example.com");
    const Router& passes = out.routers.at("passes");
    CHECK(options_of(passes).empty());
    CHECK(resolver_of(passes).empty());
    CHECK(passes.tls->domains.empty());
}

TEST_CASE("inherit: entry points that agree fill in together", "[config][inherit]") {
    const auto out = loaded(
        "  a: { address: ':1', tls: { options: a, certResolver: le } }\n"
        "  b: { address: ':2', tls: { options: a, certResolver: own } }\n"
        "  plain: { address: ':3' }\n",
        "    r: { rule: 'HostSNI(`a.example.com`)', service: shop, tls: { certResolver: le } }\n");
    CHECK(options_of(out.routers.at("r")) == "a");
    CHECK(resolver_of(out.routers.at("r")) == "le");
    CHECK(out.routers.at("r").entry_points.size() == 3);
}

TEST_CASE("inherit: a mistake of the entry point is told once, whoever takes it",
          "[config][inherit]") {
    std::string routers;
    for (int i = 0; i < 50; ++i)
        routers += "    r" + std::to_string(i) + ": { rule: 'HostSNI(`r" + std::to_string(i) +
                   ".example.com`)', service: shop }\n";
    const std::string text =
        "entryPoints: { w: { address: ':443', tls: { options: mutul, certResolver: let, domains: "
        "[{ main: 'no name' }] } } }\n"
        "tls: { options: { mutual: {} } }\ntcp:\n  routers:\n" +
        routers +
        "  services: { shop: { loadBalancer: { servers: [{ address: '127.0.0.1:80' }] } } }\n";
    const LoadResult result = load_text(text, "mesh.yaml", {});
    CHECK_FALSE(result.configuration);
    CHECK(result.errors == 3);
}

TEST_CASE("inherit: options of an entry point need a host in the rule too", "[config][inherit]") {
    // Not to apply them would let a client in without the certificate they ask for.
    const auto out = loaded(one_with_tls, "    r: { rule: 'HostSNI(`*`)', service: shop, tls: }\n");
    CHECK(options_of(out.routers.at("r")) == "a");
}

TEST_CASE("inherit: what else an entry point says arrives in the model", "[config][inherit]") {
    const auto out = loaded(
        "  a: { address: ':1', defaultServerName: 'SHOP.example.com.', transport: { "
        "respondingTimeouts: { handshakeTimeout: 2s } } }\n",
        "    r: { rule: 'HostSNI(`*`)', service: shop }\n");
    const EntryPoint& a = out.entry_points.at("a");
    CHECK(a.default_server_name->text() == "shop.example.com");
    CHECK(a.limits.handshake_timeout == std::chrono::seconds(2));

    const auto international =
        loaded("  a: { address: ':1', defaultServerName: 'bücher.example' }\n",
               "    r: { rule: 'HostSNI(`*`)', service: shop }\n");
    CHECK(international.entry_points.at("a").default_server_name->text() ==
          "xn--bcher-kva.example");
}

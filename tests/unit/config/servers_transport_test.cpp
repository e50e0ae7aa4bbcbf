// How servers are spoken to: TLS to them, and tcp.serversTransports.
#include "config/load.hpp"
#include "fleet.hpp"
#include "support/catch.hpp"

#include <string>

using namespace mesh;
using namespace mesh::config;
using namespace mesh::test;
using std::chrono::milliseconds;

namespace {

const std::string transport_yaml =
    "entryPoints: { web: { address: ':443' } }\n"
    "providers: { docker: {} }\n"
    "tcp:\n"
    "  serversTransports:\n"
    "    internal:\n"
    "      dialTimeout: 2s\n"
    "      dialKeepAlive: 30s\n"
    "      terminationDelay: 5s\n"
    "      proxyProtocol: { version: 1 }\n"
    "      tls: { serverName: DB.internal }\n"
    "  services:\n"
    "    db:\n"
    "      loadBalancer:\n"
    "        serversTransport: internal@file\n"
    "        servers:\n"
    "          - { address: '10.0.0.1:5432', startTLS: postgres }\n"
    "          - { address: '10.0.0.2:5432', tls: true }\n"
    "          - { address: '10.0.0.3:5432' }\n";

const std::string transport_toml =
    "[entryPoints.web]\naddress = ':443'\n"
    "[providers.docker]\n"
    "[tcp.serversTransports.internal]\n"
    "dialTimeout = '2s'\ndialKeepAlive = '30s'\nterminationDelay = '5s'\n"
    "[tcp.serversTransports.internal.proxyProtocol]\nversion = 1\n"
    "[tcp.serversTransports.internal.tls]\nserverName = 'DB.internal'\n"
    "[tcp.services.db.loadBalancer]\nserversTransport = 'internal'\n"
    "[[tcp.services.db.loadBalancer.servers]]\naddress = '10.0.0.1:5432'\nstartTLS = 'postgres'\n"
    "[[tcp.services.db.loadBalancer.servers]]\naddress = '10.0.0.2:5432'\ntls = true\n"
    "[[tcp.services.db.loadBalancer.servers]]\naddress = '10.0.0.3:5432'\n";

}  // namespace

TEST_CASE("servers transports: every field reaches the model, from YAML and from TOML") {
    for (const bool is_toml : {false, true}) {
        const LoadResult result = load_text(is_toml ? transport_toml : transport_yaml,
                                            is_toml ? "/etc/mesh/mesh.toml" : "/etc/mesh/mesh.yaml",
                                            {});
        UNSCOPED_INFO(all_findings(result));
        REQUIRE(result.configuration);
        const auto& transport = result.configuration->servers_transports.at("internal");
        CHECK(transport.dial_timeout == milliseconds(2000));
        CHECK(transport.dial_keep_alive == milliseconds(30'000));
        CHECK(transport.tls.server_name == "db.internal");
        CHECK(transport.tls.root_cas.empty());
        const auto& service = result.configuration->services.at("db");
        CHECK(service.servers_transport == "internal");
        CHECK(service.termination_delay == milliseconds(5000));
        CHECK(service.proxy_protocol == model::ProxyVersion::v1);
        REQUIRE(service.servers.size() == 3);
        CHECK(service.servers[0].tls == model::ServerTls::postgres);
        CHECK(service.servers[1].tls == model::ServerTls::direct);
        CHECK(service.servers[2].tls == model::ServerTls::none);
    }
}

TEST_CASE("servers transports: labels name one of the files, for servers that come and go") {
    Running running(transport_yaml);
    const auto& result = running.load({inventory(
        {container("web",
                   {{"mesh.tcp.routers.r.rule", "HostSNI(`r.example`)"},
                    {"mesh.tcp.routers.r.tls", "true"},
                    {"mesh.tcp.services.own.loadbalancer.server.tls", "true"},
                    {"mesh.tcp.services.own.loadbalancer.serverstransport", "internal@file"},
                    {"mesh.tcp.services.own.loadbalancer.server.port", "8443"}})})});
    UNSCOPED_INFO(all_findings(result));
    REQUIRE(result.configuration);
    const auto& service = result.configuration->services.at("own@docker");
    CHECK(service.servers_transport == "internal");
    CHECK(service.sources.at(0).tls == model::ServerTls::direct);
    CHECK(service.servers.at(0).tls == model::ServerTls::direct);
    CHECK(service.speaks_tls());
}

TEST_CASE("servers transports: each server in the clear beside TLS is named, followed ones too") {
    const LoadResult result = load_text(transport_yaml, "/etc/mesh/mesh.yaml", {});
    CHECK_THAT(all_findings(result), ContainsSubstring("10.0.0.3:5432 is spoken to in the clear"));
    CHECK_THAT(all_findings(result), !ContainsSubstring("10.0.0.2:5432 is spoken"));

    Running running(transport_yaml);
    const auto clear =
        container("clear",
                  {{"mesh.tcp.routers.r.rule", "HostSNI(`r.example`)"},
                   {"mesh.tcp.routers.r.tls", "true"},
                   {"mesh.tcp.routers.r.service", "own"},
                   {"mesh.tcp.services.own.loadbalancer.server.port", "8443"},
                   {"mesh.tcp.services.own.loadbalancer.serverstransport", "internal@file"}},
                  {{"clear", "172.17.0.9", 8443}});
    const auto secure =
        container("secure",
                  {{"mesh.tcp.routers.r.rule", "HostSNI(`r.example`)"},
                   {"mesh.tcp.routers.r.tls", "true"},
                   {"mesh.tcp.routers.r.service", "own"},
                   {"mesh.tcp.services.own.loadbalancer.server.tls", "true"},
                   {"mesh.tcp.services.own.loadbalancer.server.port", "8443"},
                   {"mesh.tcp.services.own.loadbalancer.serverstransport", "internal@file"}});
    const auto both = running.load({inventory({clear, secure})});
    CHECK_THAT(all_findings(both), ContainsSubstring("clear is spoken to in the clear"));
    CHECK_THAT(all_findings(both), !ContainsSubstring("secure is spoken to in the clear"));
}

TEST_CASE("servers transports: a container in TLS whose certificate nothing names is warned of") {
    Running running(transport_yaml);
    const auto labels = [](const std::string& transport) {
        std::vector<std::pair<std::string, std::string>> all = {
            {"mesh.tcp.routers.r.rule", "HostSNI(`r.example`)"},
            {"mesh.tcp.routers.r.tls", "true"},
            {"mesh.tcp.services.own.loadbalancer.server.tls", "true"},
            {"mesh.tcp.services.own.loadbalancer.server.port", "8443"}};
        if (!transport.empty())
            all.emplace_back("mesh.tcp.services.own.loadbalancer.serverstransport", transport);
        return all;
    };
    const std::string said = "without a serverName the certificate of web has to hold its address";
    CHECK_THAT(all_findings(running.load({inventory({container("web", labels(""))})})),
               ContainsSubstring(said));
    CHECK_THAT(all_findings(running.load({inventory({container("web", labels("internal@file"))})})),
               !ContainsSubstring(said));
}

TEST_CASE("servers transports: passthrough to a service made of one in TLS is refused") {
    const LoadResult result = load_text(
        transport_yaml +
            "    both: { weighted: { services: [{ name: db }] } }\n"
            "  routers:\n"
            "    r: { rule: 'HostSNI(`r.example`)', service: both, tls: { passthrough: true } }\n",
        "/etc/mesh/mesh.yaml",
        {});
    CHECK_THAT(all_findings(result), ContainsSubstring("wraps it in TLS of mesh's own"));
    CHECK_FALSE(result.configuration);
}

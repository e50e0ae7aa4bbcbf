// providers.docker and providers.consulCatalog: what is written, and what the model has of it.
#include "config/load.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

using namespace mesh;
using namespace mesh::config;
using mesh::test::TemporaryFolder;
using std::chrono::milliseconds;

namespace {

std::optional<std::string> a_token(std::string_view name) {
    return name == "TOKEN" ? std::optional<std::string>("hunter2") : std::nullopt;
}

LoadResult load(const std::string& providers, const std::string& file = "/etc/mesh/mesh.yaml") {
    return load_text("entryPoints: { web: { address: \":443\" } }\nproviders:\n" + providers,
                     file,
                     {a_token, false});
}

std::string findings(const LoadResult& result) {
    std::string all;
    for (const Finding& finding : result.findings) all += render(finding) + '\n';
    return all;
}

model::DockerProvider docker(const std::string& options) {
    const LoadResult result = load("  docker: " + options + "\n");
    INFO(findings(result));
    REQUIRE(result.configuration);
    REQUIRE(result.configuration->docker);
    return *result.configuration->docker;
}

model::ConsulCatalogProvider consul(const std::string& options) {
    const LoadResult result = load("  consulCatalog: " + options + "\n");
    INFO(findings(result));
    REQUIRE(result.configuration);
    REQUIRE(result.configuration->consul_catalog);
    return *result.configuration->consul_catalog;
}

}  // namespace

TEST_CASE("provider options: none are there unless they are asked for", "[config][providers]") {
    const LoadResult result = load("  {}\n");
    REQUIRE(result.configuration);
    CHECK_FALSE(result.configuration->docker);
    CHECK_FALSE(result.configuration->consul_catalog);
    CHECK(result.configuration->providers_throttle == milliseconds{2'000});
    const LoadResult throttled = load("  providersThrottleDuration: 500ms\n");
    REQUIRE(throttled.configuration);
    CHECK(throttled.configuration->providers_throttle == milliseconds{500});
    const LoadResult unthrottled = load("  providersThrottleDuration: 0\n");
    REQUIRE(unthrottled.configuration);
    CHECK(unthrottled.configuration->providers_throttle == milliseconds{0});
}

TEST_CASE("provider options: Docker's defaults are the local daemon", "[config][providers]") {
    const model::DockerProvider provider = docker("{}");
    CHECK(provider.endpoint.unix_socket == "/var/run/docker.sock");
    CHECK(provider.endpoint.url == "http://localhost");
    CHECK(provider.watch);
    CHECK(provider.exposed_by_default);
    CHECK(provider.prefixes == std::vector<std::string>{"mesh"});
    CHECK_FALSE(provider.constraints);
    CHECK(provider.default_rule.empty());
    CHECK(provider.http_client_timeout == milliseconds{0});
    CHECK(provider == docker(""));
}

TEST_CASE("provider options: all of Docker's", "[config][providers]") {
    const model::DockerProvider provider = docker(
        "{ endpoint: \"unix:///run/podman/podman.sock\", watch: false, exposedByDefault: no, "
        "prefix: [mesh, Traefik], constraints: \"Label(`a`, `b`)\", network: back, "
        "useBindPortIP: true, allowEmptyServices: true, httpClientTimeout: 5s, "
        "defaultRule: \"HostSNI(`{{ .Name }}.example`)\" }");
    CHECK(provider.endpoint.unix_socket == "/run/podman/podman.sock");
    CHECK_FALSE(provider.watch);
    CHECK_FALSE(provider.exposed_by_default);
    CHECK(provider.prefixes == std::vector<std::string>{"mesh", "Traefik"});
    REQUIRE(provider.constraints);
    CHECK(provider.constraints->text() == "Label(`a`, `b`)");
    CHECK(provider.network == "back");
    CHECK(provider.use_bind_port_ip);
    CHECK(provider.allow_empty_services);
    CHECK(provider.http_client_timeout == milliseconds{5'000});
    CHECK(provider.default_rule == "HostSNI(`{{ .Name }}.example`)");
    // As Traefik writes its default; and one prefix by itself, or none.
    CHECK(docker("{ httpClientTimeout: 0 }").http_client_timeout == milliseconds{0});
    CHECK(docker("{ prefix: my.mesh }").prefixes == std::vector<std::string>{"my.mesh"});
    CHECK(docker("{ prefix: \"\" }").prefixes == std::vector<std::string>{""});
}

TEST_CASE("provider options: where a daemon listens", "[config][providers]") {
    const auto url = [](const std::string& endpoint) {
        return docker("{ endpoint: \"" + endpoint + "\" }").endpoint.url;
    };
    CHECK(url("tcp://192.0.2.7:2375") == "http://192.0.2.7:2375");
    CHECK(url("TCP://Docker.Internal:2375") == "http://docker.internal:2375");
    CHECK(url("https://docker.internal/") == "https://docker.internal:443");
    CHECK(url("http://[2001:DB8::7]") == "http://[2001:db8::7]:80");
    CHECK(docker("{ endpoint: \"tcp://192.0.2.7:2376\", tls: {} }").endpoint.url ==
          "https://192.0.2.7:2376");
}

TEST_CASE("provider options: certificates of a daemon are files", "[config][providers]") {
    const TemporaryFolder folder;
    folder.write("ca.pem", "a");
    folder.write("cert.pem", "a");
    folder.write("key.pem", "a");
    const LoadResult result = load(
        "  docker: { endpoint: \"tcp://192.0.2.7:2376\", tls: { ca: ca.pem, cert: cert.pem, "
        "key: key.pem } }\n",
        folder.path() + "/mesh.yaml");
    INFO(findings(result));
    REQUIRE(result.configuration);
    const model::ProviderEndpoint& endpoint = result.configuration->docker->endpoint;
    CHECK(endpoint.ca_files == std::vector<std::string>{folder.path() + "/ca.pem"});
    CHECK(endpoint.cert_file == folder.path() + "/cert.pem");
    CHECK(endpoint.key_file == folder.path() + "/key.pem");
    CHECK(result.named_files.size() == 3);
}

TEST_CASE("provider options: Consul's defaults are the local agent", "[config][providers]") {
    using model::CheckStatus;
    const model::ConsulCatalogProvider provider = consul("{}");
    CHECK(provider.endpoint.url == "http://127.0.0.1:8500");
    CHECK(provider.endpoint.unix_socket.empty());
    CHECK(provider.watch);
    CHECK(provider.exposed_by_default);
    CHECK(provider.token.empty());
    CHECK(provider.strict_checks == std::set{CheckStatus::passing, CheckStatus::warning});
    CHECK(provider.refresh_interval == milliseconds{15'000});
}

TEST_CASE("provider options: all of Consul's", "[config][providers]") {
    using model::CheckStatus;
    const model::ConsulCatalogProvider provider = consul(
        "{ endpoint: { address: \"consul.internal:8501\", scheme: HTTPS, token: \"${TOKEN}\", "
        "datacenter: dc-1 }, watch: false, refreshInterval: 1m, strictChecks: \"Passing, "
        "critical\", constraints: \"Tag(`public`)\", prefix: [a, b], exposedByDefault: false }");
    CHECK(provider.endpoint.url == "https://consul.internal:8501");
    CHECK(provider.token.reveal() == "hunter2");
    CHECK(provider.datacenter == "dc-1");
    CHECK_FALSE(provider.watch);
    CHECK_FALSE(provider.exposed_by_default);
    CHECK(provider.refresh_interval == milliseconds{60'000});
    CHECK(provider.strict_checks == std::set{CheckStatus::passing, CheckStatus::critical});
    REQUIRE(provider.constraints);
    CHECK(consul("{ strictChecks: [any] }").strict_checks.size() == 3);
    CHECK(consul("{ endpoint: { address: \"c:1\", tls: {} } }").endpoint.url == "https://c:1");
    CHECK(consul("{ endpoint: { address: \"unix:///run/consul.sock\" } }").endpoint.unix_socket ==
          "/run/consul.sock");
}

TEST_CASE("provider options: an empty text is an option left out", "[config][providers]") {
    CHECK(docker("{ constraints: \"\", defaultRule: \"\", network: \"\" }") == docker("{}"));
    CHECK(consul("{ constraints: \"\", defaultRule: \"\", endpoint: { token: \"\", datacenter: "
                 "\"\" } }") == consul("{}"));
}

TEST_CASE("provider options: a switch of Traefik's that is off costs a warning",
          "[config][providers]") {
    const LoadResult result = load(
        "  docker: { endpoint: \"https://docker.internal\", tls: { insecureSkipVerify: false } }\n"
        "  consulCatalog: { cache: true, stale: true, requireConsistent: no, connectAware: false, "
        "connectByDefault: false, serviceName: traefik }\n");
    INFO(findings(result));
    REQUIRE(result.configuration);
    CHECK(result.findings.size() == 7);
    for (const Finding& finding : result.findings) {
        CHECK(finding.severity == Severity::warning);
        CHECK(finding.code == "ignored");
    }
}

TEST_CASE("provider options: what crosses a network without TLS is warned of",
          "[config][providers]") {
    const auto warns = [](const std::string& providers) {
        const LoadResult result = load(providers);
        INFO(findings(result));
        REQUIRE(result.configuration);
        CHECK(result.findings.size() <= 1);
        return !result.findings.empty() && result.findings.front().code == "clear-text" &&
               findings(result).find("hunter2") == std::string::npos;
    };
    const auto docker_at = [&](const std::string& endpoint) {
        return warns("  docker: { endpoint: \"" + endpoint + "\" }\n");
    };
    const auto consul_at = [&](const std::string& address) {
        return warns("  consulCatalog: { endpoint: { address: \"" + address +
                     "\", token: \"${TOKEN}\" } }\n");
    };
    for (const char* const far : {"tcp://192.0.2.7:2375",
                                  "http://docker.internal",
                                  "http://[2001:db8::1]:2375",
                                  "http://127.0.0.1.example:2375",
                                  "http://localhost.example:2375"}) {
        CAPTURE(far);
        CHECK(docker_at(far));
        CHECK(consul_at(far));
    }
    for (const char* const near : {"unix:///run/any.sock",
                                   "https://docker.internal",
                                   "tcp://127.1.2.3:2375",
                                   "http://[::1]:2375",
                                   "http://[::ffff:127.0.0.1]:2375",
                                   "tcp://LocalHost:2375"}) {
        CAPTURE(near);
        CHECK_FALSE(docker_at(near));
        CHECK_FALSE(consul_at(near));
    }
    CHECK_FALSE(warns("  docker: {}\n"));
    // Nothing but what the catalogue tells everybody.
    CHECK_FALSE(warns("  consulCatalog: { endpoint: { address: \"192.0.2.7:8500\" } }\n"));
}

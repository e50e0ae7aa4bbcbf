#include "config/load.hpp"

#include "config/public_names.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

#include <algorithm>
#include <map>

using namespace mesh::config;
using namespace mesh::model;
using mesh::test::TemporaryFolder;

namespace {

/// Loads a text as /etc/mesh/mesh.yaml, which must have no findings.
Configuration loaded(const std::string& text, const LoadOptions& options = {}) {
    LoadResult result = load_text(text, "/etc/mesh/mesh.yaml", options);
    for (const Finding& finding : result.findings) UNSCOPED_INFO(render(finding));
    REQUIRE(result.configuration);
    CHECK(result.findings.empty());
    return *std::move(result.configuration);
}

LoadOptions with(std::map<std::string, std::string> variables) {
    LoadOptions options;
    options.environment = [variables](std::string_view name) -> std::optional<std::string> {
        const auto found = variables.find(std::string(name));
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
    return options;
}

const std::string entry_point = "entryPoints: { websecure: { address: ':443' } }\n";
const std::string service =
    "  services: { shop: { loadBalancer: { servers: [{ address: '127.0.0.1:80' }] } } }\n";

/// A configuration with one router `r` in a resolver's hands.
std::string with_router(const std::string& text) {
    return entry_point + "certificatesResolvers: { le: { acme: { tlsChallenge: {} } } }\n" +
           "tcp:\n  routers:\n    r: " + text + "\n" + service;
}

std::vector<std::string> codes_of(const LoadResult& result) {
    std::vector<std::string> codes;
    for (const Finding& finding : result.findings) codes.push_back(finding.code);
    return codes;
}

}  // namespace

TEST_CASE("load: the example of the documentation", "[config][load]") {
    const TemporaryFolder folder;
    folder.write("ca.pem", "");
    const std::string path = folder.write("mesh.yaml", R"yaml(
entryPoints:
  websecure: { address: ":443" }
certificatesResolvers:
  myresolver:
    acme:
      email: "admin@example.com"
      caServer: "https://localhost:14000/dir"      # default: Let's Encrypt production
      caCertificates: ["ca.pem"]
      storage: "mesh.db"
      tlsChallenge: {}
tcp:
  routers:
    shop:
      rule: "HostSNI(`shop.example`) || HostSNI(`www.shop.example`)"
      service: shop
      tls: { certResolver: myresolver }
    mail:
      rule: "HostSNI(`mail.example`) || HostSNI(`imap.example`) || HostSNI(`smtp.example`)"
      service: mail
      tls:
        certResolver: myresolver
        domains: [{ main: "mail.example", sans: ["imap.example", "smtp.example"] }]
  services:
    shop: { loadBalancer: { servers: [{ address: "127.0.0.1:8080" }, { address: "127.0.0.1:8081" }] } }
    mail: { loadBalancer: { servers: [{ address: "127.0.0.1:143" }] } }
)yaml");
    const LoadResult result = load_file(path, {});

    REQUIRE(result.configuration);
    CHECK(result.findings.empty());
    CHECK(result.summary == path + ": valid: 1 entry point, 2 routers, 2 certificates");
    const Configuration& c = *result.configuration;
    CHECK(c.entry_points.at("websecure").address == ListenAddress{"", 443});
    const CertResolver& resolver = c.resolvers.at("myresolver");
    CHECK(resolver.email == "admin@example.com");
    CHECK(resolver.ca_server == "https://localhost:14000/dir");
    CHECK(resolver.ca_certificates == std::vector{folder.file("ca.pem")});
    CHECK(resolver.tls_challenge);
    CHECK(c.storage == folder.file("mesh.db"));
    const Router& mail = c.routers.at("mail");
    CHECK(mail.entry_points == std::vector<std::string>{"websecure"});
    CHECK(mail.service.value == "mail");
    CHECK(mail.tls->cert_resolver->value == "myresolver");
    REQUIRE(mail.tls->domains.size() == 1);
    CHECK(mail.tls->domains[0].main.text() == "mail.example");
    CHECK(mail.tls->domains[0].sans.size() == 2);
    CHECK(mail.at.line == 18);
    CHECK(mail.at.path == "tcp.routers.mail");
    CHECK(mail.service.at.path == "tcp.routers.mail.service");
    CHECK(*mail.at.file == path);
    CHECK(c.services.at("shop").servers[1].text() == "127.0.0.1:8081");
    CHECK(c.tls_options.contains("default"));
}

TEST_CASE("load: what an empty configuration defaults to", "[config][load]") {
    const Configuration c = loaded(entry_point);

    CHECK(c.storage == "/etc/mesh/mesh.db");
    CHECK(c.log.level == mesh::LogLevel::info);
    CHECK(c.log.format == LogFormat::common);
    CHECK(c.log.file_path.empty());
    CHECK_FALSE(c.workers);
    const TlsOptions& options = c.tls_options.at("default");
    CHECK(options.min_version == TlsVersion::tls12);
    CHECK(options.max_version == TlsVersion::tls13);
    CHECK_FALSE(options.sni_strict);
    CHECK_FALSE(options.on_missing_certificate);
    CHECK(options.client_auth.type == ClientAuthType::no_client_cert);
    CHECK_FALSE(c.entry_points.at("websecure").reuse_port);
}

TEST_CASE("load: what a resolver defaults to", "[config][load]") {
    const Configuration c =
        loaded(with_router("{ rule: HostSNI(`a.example.com`), service: shop, "
                           "tls: { certResolver: le } }"));
    const CertResolver& le = c.resolvers.at("le");

    CHECK(le.ca_server == lets_encrypt_directory);
    CHECK(le.email.empty());
    CHECK(le.key_type == KeyType::ec256);
    CHECK(le.ca_system_pool);
    CHECK(le.client_timeout == std::chrono::seconds{30});
    CHECK(le.allowed_domains.empty());
    CHECK(le.profile.empty());
}

TEST_CASE("load: every option arrives in the model", "[config][load]") {
    const TemporaryFolder folder;
    for (const char* name : {"ca.pem", "client.pem", "a.crt", "a.key"}) folder.write(name, "");
    const std::string path = folder.write("mesh.yml", R"yaml(
entryPoints:
  web: { address: "[::1]:8443/tcp", reusePort: yes }
  all: { address: ":443" }
certificatesResolvers:
  own:
    acme:
      caServer: https://ca.internal/dir
      caCertificates: ca.pem
      storage: /var/lib/mesh/certificates.db
      keyType: rsa4096
      profile: shortlived
      tlsChallenge:
      allowedDomains: [example.com, "*.example.com"]
      clientTimeout: 1m30s
tcp:
  routers:
    a:
      entryPoints: [web, all, web]
      rule: HostSNI(`a.example.com`)
      priority: -7
      service: s@file
      tls: { options: strict@file, certResolver: own }
    b: { rule: HostSNI(`*`), service: s }
  services:
    s: { loadBalancer: { servers: [{ address: "DB.internal:5432" }] } }
tls:
  options:
    strict:
      minVersion: VersionTLS13
      maxVersion: versiontls13
      sniStrict: 1
      onMissingCertificate: default
      alpnProtocols: [h2, http/1.1]
      clientAuth: { caFiles: [client.pem] }
    asking: { clientAuth: { clientAuthType: RequestClientCert } }
  certificates: [{ certFile: a.crt, keyFile: ./a.key }]
  stores: { default: { defaultCertificate: { certFile: a.crt, keyFile: a.key } } }
workers: 3
log: { level: debug, format: JSON, filePath: log/mesh.log }
)yaml");
    const LoadResult result = load_file(path, {});
    for (const Finding& finding : result.findings) UNSCOPED_INFO(render(finding));
    REQUIRE(result.configuration);
    const Configuration& c = *result.configuration;

    CHECK(c.entry_points.at("web").address == ListenAddress{"::1", 8443});
    CHECK(c.entry_points.at("web").reuse_port);
    const CertResolver& own = c.resolvers.at("own");
    CHECK(own.key_type == KeyType::rsa4096);
    CHECK(own.profile == "shortlived");
    CHECK(own.client_timeout == std::chrono::seconds{90});
    CHECK(own.allowed_domains.size() == 2);
    CHECK(own.ca_certificates == std::vector{folder.file("ca.pem")});
    CHECK(c.storage == "/var/lib/mesh/certificates.db");
    const Router& a = c.routers.at("a");
    CHECK(a.entry_points == std::vector<std::string>{"web", "all"});
    CHECK(a.priority == -7);
    CHECK(a.service.value == "s");
    CHECK(a.provider == "file");
    CHECK(a.tls->options->value == "strict");
    CHECK(c.routers.at("b").entry_points == std::vector<std::string>{"all", "web"});
    CHECK_FALSE(c.routers.at("b").tls);
    CHECK_FALSE(c.routers.at("b").priority);
    CHECK(c.services.at("s").servers[0].host == "db.internal");
    const TlsOptions& strict = c.tls_options.at("strict");
    CHECK(strict.name == "strict");
    CHECK(strict.min_version == TlsVersion::tls13);
    CHECK(strict.sni_strict);
    CHECK(strict.on_missing_certificate == OnMissingCertificate::use_default);
    CHECK(strict.alpn_protocols == std::vector<std::string>{"h2", "http/1.1"});
    CHECK(strict.client_auth.type == ClientAuthType::require_and_verify_client_cert);
    CHECK(strict.client_auth.ca_files == std::vector{folder.file("client.pem")});
    CHECK(c.tls_options.at("asking").client_auth.type == ClientAuthType::request_client_cert);
    REQUIRE(c.certificates.size() == 1);
    CHECK(c.certificates[0].cert_file == folder.file("a.crt"));
    CHECK(c.certificates[0].key_file == folder.file("a.key"));
    CHECK(c.default_certificate->key_file == folder.file("a.key"));
    CHECK(c.workers == 3U);
    CHECK(c.log.level == mesh::LogLevel::debug);
    CHECK(c.log.format == LogFormat::json);
    CHECK(c.log.file_path == folder.file("log/mesh.log"));
}

TEST_CASE("load: field names in any case, names of objects as they are", "[config][load]") {
    const Configuration c = loaded(
        "ENTRYPOINTS: { Web: { Address: ':1' }, web: { address: ':2' } }\n"
        "TCP: { Routers: { R: { RULE: HostSNI(`*`), Service: S } }, services: { S: "
        "{ LoadBalancer: { Servers: [{ ADDRESS: '127.0.0.1:80' }] } } } }\n");

    CHECK(c.entry_points.size() == 2);
    CHECK(c.routers.at("R").entry_points == std::vector<std::string>{"Web", "web"});
}

TEST_CASE("load: empty references equal absent ones", "[config][load]") {
    const Configuration c =
        loaded(entry_point +
               "tcp:\n  routers:\n    r: { rule: HostSNI(`a.example`), service: shop, tls: "
               "{ options: '', certResolver: \"\", domains: [] } }\n" +
               service);
    const RouterTls& tls = *c.routers.at("r").tls;

    CHECK_FALSE(tls.options);
    CHECK_FALSE(tls.cert_resolver);
    CHECK(tls.domains.empty());
}

TEST_CASE("load: names of CAs", "[config][load]") {
    const auto directory = [](const std::string& server) {
        const LoadResult result =
            load_text(entry_point + "certificatesResolvers: { le: { acme: { caServer: " + server +
                          ", tlsChallenge: {} } } }\n",
                      "mesh.yaml",
                      {});
        REQUIRE(result.configuration);
        return result.configuration->resolvers.at("le").ca_server;
    };
    CHECK(directory("letsencrypt") == lets_encrypt_directory);
    CHECK(directory("LetsEncrypt-Staging") == lets_encrypt_staging_directory);
    CHECK(directory("https://CA.example:443/dir") == "https://ca.example/dir");
}

TEST_CASE("load: where the store is", "[config][load]") {
    const auto storage = [](const std::string& acme, const LoadOptions& options = {}) {
        const LoadResult result =
            load_text(entry_point +
                          "certificatesResolvers: { a: { acme: { tlsChallenge: {} } }, "
                          "b: { acme: { tlsChallenge: {}" +
                          acme + " } } }\n",
                      "/etc/mesh/mesh.yaml",
                      options);
        REQUIRE(result.configuration);
        return result.configuration->storage;
    };
    const LoadOptions state = with({{"STATE_DIRECTORY", "/var/lib/mesh:/var/lib/other"}});

    CHECK(storage("") == "/etc/mesh/mesh.db");
    CHECK(storage(", storage: my.db") == "/etc/mesh/my.db");
    CHECK(storage(", storage: ../my.db") == "/etc/my.db");
    CHECK(storage(", storage: /srv/my.db") == "/srv/my.db");
    CHECK(storage("", state) == "/var/lib/mesh/mesh.db");
    CHECK(storage(", storage: sub/my.db", state) == "/var/lib/mesh/sub/my.db");
    CHECK(storage(", storage: /srv/my.db", state) == "/srv/my.db");
    CHECK(storage(", storage: my.db", with({{"STATE_DIRECTORY", ""}})) == "/etc/mesh/my.db");
}

TEST_CASE("load: values from outside", "[config][load]") {
    const TemporaryFolder folder;
    folder.write("host", "shop.example.com\n");
    const std::string path = folder.write("mesh.yaml",
                                          "entryPoints: { web: { address: ':${PORT}' } }\n"
                                          "workers: ${WORKERS:-4}\n"
                                          "tcp:\n"
                                          "  routers:\n"
                                          "    r: { rule: 'HostSNI(`${file:host}`)', tls: {}, "
                                          "service: shop }\n" +
                                              service);
    const LoadResult result = load_file(path, with({{"PORT", "8443"}}));

    REQUIRE(result.configuration);
    CHECK(result.configuration->entry_points.at("web").address.port == 8443);
    CHECK(result.configuration->workers == 4U);
    CHECK(result.configuration->routers.at("r").rule.text() == "HostSNI(`shop.example.com`)");
}

TEST_CASE("load: keys of maps are taken as they stand", "[config][load]") {
    const Configuration c = loaded("entryPoints: { '${A}': { address: ':1' } }\n");

    CHECK(c.entry_points.contains("${A}"));
}

TEST_CASE("load: aliases share what they stand for", "[config][load]") {
    const Configuration c = loaded(entry_point + R"yaml(
tcp:
  routers:
    a: { rule: HostSNI(`a.example`), service: s, tls: &tls { passthrough: true } }
    b: { rule: HostSNI(`b.example`), service: s, tls: *tls }
  services:
    s: { loadBalancer: { servers: [{ address: "127.0.0.1:80" }] } }
)yaml");

    CHECK(c.routers.at("b").tls->passthrough);
}

TEST_CASE("load: byte order mark and Windows line ends", "[config][load]") {
    const Configuration c = loaded(
        "\xEF\xBB\xBF"
        "entryPoints:\r\n  web:\r\n    address: ':443'\r\n");

    CHECK(c.entry_points.at("web").at.line == 2);
    CHECK(c.entry_points.at("web").at.column == 3);
}

TEST_CASE("load: without secrets, what depends on them is left out", "[config][load]") {
    const TemporaryFolder folder;
    folder.write("a.crt", "");
    const std::string path = folder.write("mesh.yaml", R"yaml(
entryPoints: { web: { address: ":443" } }
certificatesResolvers: { le: { acme: { email: "${MAIL}", profile: "${file:p}", tlsChallenge: {} } } }
tcp:
  routers:
    a: { rule: "HostSNI(`${HOST}`)", service: s, tls: { certResolver: le } }
    b: { rule: "HostSNI(`b.example.com`)", service: s, tls: { certResolver: "${RESOLVER}" } }
    c: { rule: "HostSNI(`c.example.com`)", service: "${SERVICE}", tls: {} }
  services:
    s: { loadBalancer: { servers: [{ address: "127.0.0.1:80" }, { address: "${SERVER}" }] } }
    t: { loadBalancer: { servers: [{ address: "${SERVER}" }] } }
tls:
  certificates: [{ certFile: a.crt, keyFile: a.key }]
workers: ${WORKERS}
)yaml");
    LoadOptions options;
    CHECK_FALSE(load_file(path, options).configuration);
    options.no_secrets = true;
    const LoadResult result = load_file(path, options);
    for (const Finding& finding : result.findings) UNSCOPED_INFO(render(finding));

    REQUIRE(result.configuration);
    CHECK(std::all_of(result.findings.begin(), result.findings.end(), [](const Finding& finding) {
        return finding.severity == Severity::warning;
    }));
    CHECK(codes_of(result) == std::vector<std::string>{"unset-variable",
                                                       "file-missing",
                                                       "unset-variable",
                                                       "unset-variable",
                                                       "unset-variable",
                                                       "unset-variable",
                                                       "unset-variable",
                                                       "file-missing",
                                                       "unset-variable"});
    CHECK_FALSE(result.configuration->routers.contains("a"));
    CHECK(result.configuration->routers.contains("b"));
    CHECK_FALSE(result.configuration->routers.contains("c"));
    CHECK(result.configuration->services.at("s").servers.size() == 1);
}

TEST_CASE("load: without secrets a missing certificate is still an error", "[config][load]") {
    const TemporaryFolder folder;
    const std::string path = folder.write(
        "mesh.yaml",
        entry_point + "tls: { certificates: [{ certFile: a.crt, keyFile: a.key }] }\n");
    LoadOptions options;
    options.no_secrets = true;
    const LoadResult result = load_file(path, options);

    REQUIRE(result.findings.size() == 2);
    CHECK(result.findings[0].severity == Severity::error);
    CHECK(result.findings[1].severity == Severity::warning);
}

TEST_CASE("load: only regular files are read", "[config][load]") {
    const TemporaryFolder folder;
    folder.make_pipe("pipe.yaml");
    const auto only_finding = [](const std::string& path) {
        const LoadResult result = load_file(path, {});
        REQUIRE(result.findings.size() == 1);
        CHECK(result.findings[0].code == "unreadable");
        CHECK_FALSE(result.configuration);
        return render(result.findings[0]);
    };

    CHECK(only_finding(folder.file("none.yaml")) ==
          folder.file("none.yaml") + ": error: cannot read the file: No such file or directory");
    CHECK(only_finding(folder.path()).ends_with("Is a directory"));
    CHECK(only_finding(folder.file("pipe.yaml")).ends_with("Not a regular file"));
}

TEST_CASE("load: every truncation of a file has an end", "[config][load]") {
    const std::string text = with_router(
        "{ rule: \"HostSNI(`a.example.com`)\", service: 'shop', tls: { certResolver: le, domains: "
        "[{ main: a.example.com, sans: [] }] } }");
    for (std::size_t size = 0; size <= text.size(); ++size) {
        CAPTURE(size);
        const LoadResult result = load_text(std::string_view(text).substr(0, size), "f", {});
        CHECK((result.configuration.has_value() || !result.findings.empty()));
    }
}

TEST_CASE("finding: one line for people", "[config][load]") {
    Finding finding;
    finding.file = "mesh.yaml";
    finding.message = "what";
    CHECK(render(finding) == "mesh.yaml: error: what");
    finding.severity = Severity::warning;
    finding.line = 3;
    finding.column = 7;
    finding.path = "a.b";
    finding.hint = "do this";
    CHECK(render(finding) == "mesh.yaml:3:7: warning: what (a.b); do this");
    finding.severity = Severity::note;
    finding.excerpt = "    x\n    ^";
    CHECK(render(finding) == "mesh.yaml:3:7: note: what (a.b); do this\n    x\n    ^");
}

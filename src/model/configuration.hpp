#pragma once
#include "base/hostname.hpp"
#include "base/ip_network.hpp"
#include "base/log.hpp"
#include "model/location.hpp"
#include "model/providers.hpp"
#include "model/servers_transport.hpp"
#include "rules/rule.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What the operator wrote, decoded and checked: plain values, every reference resolvable, no
/// behaviour. Names of fields follow the configuration's own (docs/configuration.md).
namespace mesh::model {

/// entryPoints.<name>.address: "host:port", ":443" = every IPv6 and IPv4 address.
struct ListenAddress {
    std::string host;  ///< empty: all addresses of both families; else an IP literal
    std::uint16_t port = 0;
    [[nodiscard]] std::string text() const;
    auto operator<=>(const ListenAddress&) const = default;
};

/// What an entry point may set for itself; what is absent is mesh's default.
struct EntryPointLimits {
    std::optional<std::size_t> max_connections;
    std::optional<std::size_t> max_connections_per_ip;
    std::optional<std::size_t> max_handshakes;
    std::optional<std::chrono::milliseconds> handshake_timeout;
    std::optional<std::chrono::milliseconds> idle_timeout;
    std::optional<std::chrono::milliseconds> accept_grace;  ///< requestAcceptGraceTimeout
    std::optional<std::chrono::milliseconds> grace;         ///< graceTimeOut
    bool operator==(const EntryPointLimits&) const = default;
};

/// entryPoints.<name>.proxyProtocol: whose PROXY headers are believed.
struct ProxyProtocol {
    bool insecure = false;           ///< everybody's
    std::vector<IpNetwork> trusted;  ///< else those from here
    bool operator==(const ProxyProtocol&) const = default;
};

/// entryPoints.<name>.detect: what the first bytes of a client may be besides TLS.
struct Detection {
    bool postgres = true;  ///< a Postgres client's, which asks for TLS in the clear
    /// A client that has said nothing for so long is given to a plain router; absent: never.
    std::optional<std::chrono::milliseconds> server_first_timeout;
    bool operator==(const Detection&) const = default;
};

/// What becomes of the established connections of a router or entry point that is removed.
enum class OnRemove {
    keep,   ///< they go on until they end by themselves
    drain,  ///< they have the grace time
    close,  ///< they end at once
};

struct EntryPoint {
    std::string name;
    ListenAddress address;
    bool reuse_port = false;  ///< another process may bind the same address too
    Location at;
    EntryPointLimits limits = {};
    std::optional<Hostname> default_server_name = {};  ///< of TLS clients that name none
    OnRemove on_remove = OnRemove::keep;
    ProxyProtocol proxy_protocol = {};
    Detection detect = {};
};

enum class KeyType { ec256, ec384, rsa2048, rsa4096 };
[[nodiscard]] std::string_view to_string(KeyType type);  ///< as configured: "EC256" …

/// certificatesResolvers.<name>.acme
struct CertResolver {
    std::string name;
    std::string email;      ///< may be empty
    std::string ca_server;  ///< directory URL, https; aliases are already expanded
    std::vector<std::string> ca_certificates;  ///< absolute paths of PEM files
    bool ca_system_pool = true;                ///< trust the system store as well
    KeyType key_type = KeyType::ec256;
    std::string profile;          ///< empty: the CA's default
    std::string preferred_chain;  ///< name of a root; empty: the chain the CA offers first
    bool tls_challenge = false;
    std::vector<HostPattern> allowed_domains;  ///< empty: no limit
    std::chrono::milliseconds client_timeout{30'000};
    Location at;
};

/// tcp.routers.<name>.tls.domains[]
struct Domain {
    HostPattern main;
    std::vector<HostPattern> sans;
    Location at;
};

struct RouterTls {
    bool passthrough = false;
    std::optional<Located<std::string>> options;        ///< name of a tls.options entry
    std::optional<Located<std::string>> cert_resolver;  ///< name of a resolver
    std::vector<Domain> domains;
};

struct Router {
    std::string name;
    std::string provider = "file";
    std::vector<std::string> entry_points;  ///< resolved: never empty
    rules::Rule rule;
    std::optional<std::int64_t> priority;
    Located<std::string> service;
    std::optional<RouterTls> tls;  ///< absent: plain TCP
    Location at;
    std::vector<std::string> middlewares = {};  ///< in the order they are asked
    OnRemove on_remove = OnRemove::keep;
    /// Something it needs cannot be applied: what it matches is refused, and falls to no other.
    bool closed = false;
};

struct Server {
    std::string host;  ///< IP literal or host name
    std::uint16_t port = 0;
    Location at;
    unsigned weight = 1;  ///< its share among those of its service; 0: drained
    ServerTls tls = ServerTls::none;
    [[nodiscard]] std::string text() const;
};
/// The same but for where it is written.
[[nodiscard]] bool same_server(const Server& a, const Server& b);

/// loadBalancer.strategy: which server the next connection goes to.
enum class Strategy {
    wrr,         ///< they take turns, by weight
    least_conn,  ///< the one with the fewest connections for its weight
};
[[nodiscard]] std::string_view to_string(Strategy strategy);  ///< as configured: "wrr" …

/// Where servers of a provider's service come from: `unit` counts in the provider's inventory.
struct ServerSource {
    std::size_t unit = 0;
    std::optional<std::uint16_t> port;  ///< that the labels name
    Location at;
    unsigned weight = 1;              ///< of each server
    ServerTls tls = ServerTls::none;  ///< likewise
};

/// loadBalancer.healthCheck: how it is found out whether a server is up.
struct HealthCheck {
    std::optional<std::uint16_t> port;  ///< instead of the server's own
    std::string send;                   ///< what the server is told; empty: nothing
    std::string expect;                 ///< what it answers first; empty: that it accepts is enough
    std::chrono::milliseconds interval{10'000};  ///< from the beginning of one check to the next
    std::optional<std::chrono::milliseconds> unhealthy_interval;  ///< the same while it is down
    std::chrono::milliseconds timeout{3'000};                     ///< of one check
    bool operator==(const HealthCheck&) const = default;
};

/// weighted.services[]: a service as a part of another one.
struct WeightedService {
    Located<std::string> service;
    unsigned weight = 1;  ///< its share among those beside it; 0: drained
};

struct Service {
    std::string name;
    /// Never empty, unless a provider says what they are, or it is made of services.
    std::vector<Server> servers;
    Location at;
    /// Not empty: servers come and go without the configuration changing.
    std::vector<ServerSource> sources = {};
    std::optional<ProxyVersion> proxy_protocol = {};  ///< its servers get this PROXY header
    Strategy strategy = Strategy::wrr;
    /// Not empty: it has no servers, those of these services are its own.
    std::vector<WeightedService> services = {};
    std::optional<HealthCheck> health_check = {};
    std::string servers_transport = {};  ///< name of one; empty: mesh's defaults
    /// How long a connection of which one side has ended may go without a byte.
    std::optional<std::chrono::milliseconds> termination_delay = {};
    [[nodiscard]] bool speaks_tls() const;  ///< to one of its servers, as far as they are known
};

enum class TlsVersion { tls12, tls13 };
enum class ClientAuthType {
    no_client_cert,
    request_client_cert,
    require_any_client_cert,
    verify_client_cert_if_given,
    require_and_verify_client_cert,
};
enum class OnMissingCertificate { refuse, use_default };

struct ClientAuth {
    std::vector<std::string> ca_files;  ///< absolute paths
    ClientAuthType type = ClientAuthType::no_client_cert;
};

/// tls.options.<name>
struct TlsOptions {
    std::string name;
    TlsVersion min_version = TlsVersion::tls12;
    TlsVersion max_version = TlsVersion::tls13;
    std::vector<std::string> cipher_suites;               ///< IANA names; empty: mesh's own
    std::vector<Located<std::string>> curve_preferences;  ///< IANA names; empty: mesh's own
    bool session_tickets = true;
    bool sni_strict = false;
    std::optional<OnMissingCertificate> on_missing_certificate;
    std::vector<std::string> alpn_protocols;
    ClientAuth client_auth;
    Location at;
};

/// tls.stores.default.defaultGeneratedCert
struct GeneratedCertificate {
    std::string resolver;
    Domain domain;
    Location at;
};

/// tcp.middlewares.<name>: one of the two.
struct Middleware {
    std::string name;
    std::vector<IpNetwork> source_range;   ///< ipAllowList; empty: it is an inFlightConn
    std::size_t in_flight_per_source = 0;  ///< inFlightConn; 0 lets nobody through
    Location at;
};

enum class LogFormat { common, json };

struct LogSettings {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::common;
    std::string file_path;  ///< empty: stderr
};

/// accessLog: one line for each connection, when it has ended.
struct AccessLogSettings {
    LogFormat format = LogFormat::common;
    std::string file_path;                      ///< empty: stdout
    std::chrono::milliseconds min_duration{0};  ///< only those that lasted so long
    bool operator==(const AccessLogSettings&) const = default;
};

/// providers.file: where dynamic configuration comes from besides the main file.
struct FileProvider {
    std::string path;  ///< absolute
    bool is_directory = false;
    bool watch = true;
    bool partial = false;  ///< onError: what is wrong is left out, the rest applied
};

struct Configuration {
    std::map<std::string, EntryPoint> entry_points;
    std::map<std::string, CertResolver> resolvers;
    std::string storage;  ///< absolute path of the one store; set even without resolvers
    std::map<std::string, Router> routers;
    std::map<std::string, Service> services;
    std::map<std::string, Middleware> middlewares;
    std::map<std::string, ServersTransport> servers_transports;
    std::map<std::string, TlsOptions> tls_options;  ///< "default" is always present
    std::vector<CertificateFile> certificates;
    std::optional<CertificateFile> default_certificate;
    /// Ordered, and presented where no other certificate fits; not beside `default_certificate`.
    std::optional<GeneratedCertificate> generated_default;
    std::optional<unsigned> workers;  ///< absent: from affinity and cgroup quota
    LogSettings log;
    std::optional<AccessLogSettings> access_log;
    std::optional<FileProvider> file_provider;
    std::optional<DockerProvider> docker;
    std::optional<ConsulCatalogProvider> consul_catalog;
    /// providersThrottleDuration: between two configurations of one provider.
    std::chrono::milliseconds providers_throttle = providers_throttle_default;
};

}  // namespace mesh::model

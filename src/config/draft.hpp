#pragma once
#include "config/field.hpp"
#include "model/configuration.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// The configuration as it was decoded, before anything in it was compared with anything else:
/// one struct per section, every reference still a text.
namespace mesh::config {

struct AcmeDraft {
    model::Location at;
    std::optional<Text> email;
    std::optional<Text> ca_server;
    std::vector<Text> ca_certificates;
    bool ca_system_pool = true;
    std::optional<Text> storage;
    model::KeyType key_type = model::KeyType::ec256;
    std::optional<Text> profile;
    std::optional<Text> preferred_chain;
    bool tls_challenge = false;
    bool other_challenge = false;  ///< one of a later version was asked for
    std::vector<Text> allowed_domains;
    std::chrono::milliseconds client_timeout{30'000};
};

struct ResolverDraft {
    model::Location at;
    std::optional<AcmeDraft> acme;
};

struct DomainDraft {
    model::Location at;
    std::optional<Text> main;
    std::vector<Text> sans;
};

struct RouterTlsDraft {
    model::Location at;
    bool passthrough = false;
    std::optional<Text> options;
    std::optional<Text> cert_resolver;
    std::vector<DomainDraft> domains;
};

struct RouterDraft {
    model::Location at;
    std::string provider = "file";
    std::string written;                  ///< of labels: all they say of it, in one form
    std::vector<std::string> units = {};  ///< of labels: whose they are
    std::vector<Text> entry_points;
    std::optional<Text> rule;
    std::optional<std::int64_t> priority;
    std::optional<Text> service;
    std::vector<Text> middlewares;
    std::optional<RouterTlsDraft> tls;
    model::OnRemove on_remove = model::OnRemove::keep;
    /// It cannot be applied: what its rule matches is to be refused, and the rest is not looked at.
    bool closed = false;
};

struct ProxyProtocolDraft {
    model::Location at;
    std::vector<Text> trusted_ips;
    bool insecure = false;
};

struct DetectionDraft {
    model::Location at;
    bool postgres = true;
    std::optional<std::chrono::milliseconds> server_first_timeout;
    model::Location server_first_at;
};

struct EntryPointDraft {
    model::Location at;
    std::optional<Text> address;
    bool reuse_port = false;
    bool as_default = false;
    std::optional<Text> default_server_name;
    model::EntryPointLimits limits;
    std::optional<RouterTlsDraft> tls;  ///< never passes through
    model::OnRemove on_remove = model::OnRemove::keep;
    std::optional<ProxyProtocolDraft> proxy_protocol;
    std::optional<DetectionDraft> detect;
};

/// How TLS to a server was asked for.
struct ServerTlsDraft {
    std::optional<bool> tls;
    bool start_tls_postgres = false;
    model::Location start_tls_at;
};

struct ServerDraft {
    model::Location at;
    std::optional<Text> address;
    unsigned weight = 1;
    ServerTlsDraft security = {};
};

/// The container that the labels belong to, as the server of a service.
struct ContainerServerDraft {
    model::Location at;
    std::string name;  ///< of the container or service
    std::optional<std::uint16_t> port;
    InventoryPtr inventory = nullptr;  ///< that has it; null: the labels are from a file
    std::size_t unit = 0;              ///< in the inventory
    unsigned weight = 1;               ///< of each of its instances
    ServerTlsDraft security = {};      ///< likewise
};

/// The PROXY header that servers get.
struct SentProxyDraft {
    model::Location at;
    model::ProxyVersion version = model::ProxyVersion::v2;
};

struct HealthCheckDraft {
    model::Location at;
    model::HealthCheck check;
};

struct LoadBalancerDraft {
    model::Location at;
    std::vector<ContainerServerDraft> containers;
    std::vector<ServerDraft> servers;
    bool servers_given = false;
    std::optional<SentProxyDraft> proxy_protocol;
    model::Strategy strategy = model::Strategy::wrr;
    std::optional<HealthCheckDraft> health_check;
    std::optional<Text> servers_transport;
    std::optional<std::chrono::milliseconds> termination_delay;
    model::Location termination_at;
};

/// A service as a part of another.
struct WeightedServiceDraft {
    model::Location at;
    std::optional<Text> name;
    unsigned weight = 1;
};

struct WeightedDraft {
    model::Location at;
    std::vector<WeightedServiceDraft> services;
};

/// One of the two.
struct ServiceDraft {
    model::Location at;
    std::optional<LoadBalancerDraft> load_balancer;
    std::optional<WeightedDraft> weighted = {};
    bool is_given = false;                ///< either, however wrong
    std::vector<std::string> units = {};  ///< of labels: whose they are
};

struct AllowListDraft {
    model::Location at;
    std::vector<Text> source_range;
};

struct InFlightDraft {
    model::Location at;
    std::size_t amount = 1;
};

struct MiddlewareDraft {
    model::Location at;
    std::optional<AllowListDraft> allow_list;
    std::optional<AllowListDraft> white_list;  ///< the same under its old name
    std::optional<InFlightDraft> in_flight;
    std::string written;                  ///< of labels: all they say of it, in one form
    std::vector<std::string> units = {};  ///< of labels: whose they are
};

struct CertificateDraft {
    model::Location at;
    std::optional<Text> cert_file;
    std::optional<Text> key_file;
};

struct UpstreamTlsDraft {
    model::Location at;
    std::optional<Text> server_name;
    bool insecure_skip_verify = false;
    std::vector<Text> root_cas;
    std::vector<CertificateDraft> certificates;
};

struct ServersTransportDraft {
    model::Location at;
    std::optional<std::chrono::milliseconds> dial_timeout;
    std::optional<std::chrono::milliseconds> dial_keep_alive;
    std::optional<std::chrono::milliseconds> termination_delay;
    std::optional<SentProxyDraft> proxy_protocol;
    std::optional<UpstreamTlsDraft> tls;
};

struct TcpDraft {
    std::map<std::string, MiddlewareDraft> middlewares;
    std::map<std::string, RouterDraft> routers;
    std::map<std::string, ServiceDraft> services;
    std::map<std::string, ServersTransportDraft> servers_transports;  ///< of files only
};

/// Names that are labels' own though what they stand for may not be there, so that files' objects
/// of the same names are never taken for them. By keys: whose labels mean them.
struct ClaimedNames {
    using Names = std::map<std::string, std::vector<std::string>>;
    Names services;
    Names middlewares;
};

struct ClientAuthDraft {
    model::Location at;
    std::vector<Text> ca_files;
    bool ca_files_given = false;
    std::optional<model::ClientAuthType> type;
};

/// A list of which some names may not have been readable.
struct NamesDraft {
    model::Location at;
    bool given = false;  ///< and readable as a whole
    std::vector<Text> names;
};

struct TlsOptionsDraft {
    model::Location at;
    model::TlsVersion min_version = model::TlsVersion::tls12;
    model::TlsVersion max_version = model::TlsVersion::tls13;
    bool sni_strict = false;
    std::optional<model::OnMissingCertificate> on_missing_certificate;
    std::vector<Text> alpn_protocols;
    NamesDraft cipher_suites;
    NamesDraft curve_preferences;
    bool session_tickets = true;
    ClientAuthDraft client_auth;
};

struct GeneratedCertificateDraft {
    model::Location at;
    std::optional<Text> resolver;
    std::optional<DomainDraft> domain;
    std::string provider = {};            ///< of labels: "docker"
    std::vector<std::string> units = {};  ///< of labels: whose they are
};

struct StoreDraft {
    std::optional<CertificateDraft> default_certificate;
    std::optional<GeneratedCertificateDraft> generated;
};

struct StoresDraft {
    StoreDraft default_store;
};

struct TlsDraft {
    std::map<std::string, TlsOptionsDraft> options;
    std::vector<CertificateDraft> certificates;
    StoresDraft stores;
};

struct LogDraft {
    LogLevel level = LogLevel::info;
    model::LogFormat format = model::LogFormat::common;
    std::optional<Text> file_path;
};

struct AccessLogDraft {
    model::LogFormat format = model::LogFormat::common;
    std::optional<Text> file_path;
    std::chrono::milliseconds min_duration{0};
    model::Location at;
};

struct FileProviderDraft {
    model::Location at;
    std::optional<Text> filename;
    std::optional<Text> directory;
    bool watch = true;
    bool partial = false;
};

struct ProviderTlsDraft {
    model::Location at;
    std::vector<Text> ca;
    std::optional<Text> cert;
    std::optional<Text> key;
};

/// What providers of labels and of tags have in common.
struct LabelProviderDraft {
    model::Location at;
    bool watch = true;
    bool exposed_by_default = true;
    std::optional<std::vector<Text>> prefixes;
    std::optional<Text> constraints;
    std::optional<Text> default_rule;
};

struct DockerDraft : LabelProviderDraft {
    std::optional<Text> endpoint;
    std::optional<ProviderTlsDraft> tls;
    std::optional<Text> network;
    bool use_bind_port_ip = false;
    bool allow_empty_services = false;
    std::chrono::milliseconds http_client_timeout{0};
};

struct ConsulEndpointDraft {
    model::Location at;
    std::optional<Text> address;
    std::optional<bool> https;  ///< as `scheme` says
    std::optional<Text> token;
    std::optional<Text> datacenter;
    std::optional<ProviderTlsDraft> tls;
};

struct ConsulCatalogDraft : LabelProviderDraft {
    std::optional<ConsulEndpointDraft> endpoint;
    std::optional<std::vector<Text>> strict_checks;
    std::chrono::milliseconds refresh_interval{15'000};
};

struct ProvidersDraft {
    std::optional<FileProviderDraft> file;
    std::optional<DockerDraft> docker;
    std::optional<ConsulCatalogDraft> consul_catalog;
    std::chrono::milliseconds throttle = model::providers_throttle_default;
};

struct Draft {
    std::map<std::string, EntryPointDraft> entry_points;
    bool entry_points_expected = true;  ///< none in the map means that there are none
    std::map<std::string, ResolverDraft> resolvers;
    TcpDraft tcp;
    /// The forms that worked last of what labels define, where they are not applied for now.
    TcpDraft kept;
    std::optional<GeneratedCertificateDraft> kept_generated;  ///< likewise
    ClaimedNames claimed;
    TlsDraft tls;
    std::optional<unsigned> workers;
    LogDraft log;
    std::optional<AccessLogDraft> access_log;
    ProvidersDraft providers;
};

}  // namespace mesh::config

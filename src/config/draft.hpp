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

struct EntryPointDraft {
    model::Location at;
    std::optional<Text> address;
    bool reuse_port = false;
    model::OnRemove on_remove = model::OnRemove::keep;
};

struct AcmeDraft {
    model::Location at;
    std::optional<Text> email;
    std::optional<Text> ca_server;
    std::vector<Text> ca_certificates;
    std::optional<Text> storage;
    model::KeyType key_type = model::KeyType::ec256;
    std::optional<Text> profile;
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
    std::vector<Text> entry_points;
    std::optional<Text> rule;
    std::optional<std::int64_t> priority;
    std::optional<Text> service;
    std::optional<RouterTlsDraft> tls;
    model::OnRemove on_remove = model::OnRemove::keep;
    /// It cannot be applied: what its rule matches is to be refused, and the rest is not looked at.
    bool closed = false;
};

struct ServerDraft {
    model::Location at;
    std::optional<Text> address;
};

struct LoadBalancerDraft {
    model::Location at;
    std::vector<ServerDraft> servers;
    bool servers_given = false;
};

struct ServiceDraft {
    model::Location at;
    std::optional<LoadBalancerDraft> load_balancer;
};

struct TcpDraft {
    std::map<std::string, RouterDraft> routers;
    std::map<std::string, ServiceDraft> services;
};

struct ClientAuthDraft {
    model::Location at;
    std::vector<Text> ca_files;
    bool ca_files_given = false;
    std::optional<model::ClientAuthType> type;
};

struct TlsOptionsDraft {
    model::Location at;
    model::TlsVersion min_version = model::TlsVersion::tls12;
    model::TlsVersion max_version = model::TlsVersion::tls13;
    bool sni_strict = false;
    std::optional<model::OnMissingCertificate> on_missing_certificate;
    std::vector<Text> alpn_protocols;
    ClientAuthDraft client_auth;
};

struct CertificateDraft {
    model::Location at;
    std::optional<Text> cert_file;
    std::optional<Text> key_file;
};

struct StoreDraft {
    std::optional<CertificateDraft> default_certificate;
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

struct FileProviderDraft {
    model::Location at;
    std::optional<Text> filename;
    std::optional<Text> directory;
    bool watch = true;
    bool partial = false;
};

struct ProvidersDraft {
    std::optional<FileProviderDraft> file;
};

struct Draft {
    std::map<std::string, EntryPointDraft> entry_points;
    bool entry_points_expected = true;  ///< none in the map means that there are none
    std::map<std::string, ResolverDraft> resolvers;
    TcpDraft tcp;
    TlsDraft tls;
    std::optional<unsigned> workers;
    LogDraft log;
    ProvidersDraft providers;
};

}  // namespace mesh::config

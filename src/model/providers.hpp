#pragma once
#include "base/secret.hpp"
#include "model/location.hpp"
#include "rules/constraint.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// Where configuration comes from besides files: the daemons whose labels and tags define routers.
namespace mesh::model {

/// How the daemon behind a provider is reached.
struct ProviderEndpoint {
    std::string url;  ///< "http://…" or "https://…", without a path; set for sockets too
    std::string unix_socket;  ///< absolute path; empty: TCP to the URL's host
    /// tls.ca: PEM files, absolute; empty: the system's pool.
    std::vector<std::string> ca_files;
    std::string cert_file;  ///< tls.cert, absolute; empty: mesh shows no certificate
    std::string key_file;   ///< tls.key, absolute
    bool operator==(const ProviderEndpoint&) const = default;
};

/// What providers of labels and of tags have in common.
struct LabelProvider {
    ProviderEndpoint endpoint;
    bool watch = true;
    bool exposed_by_default = true;
    std::vector<std::string> prefixes = {"mesh"};  ///< in any case; never empty
    std::optional<rules::Constraint> constraints;
    /// The rule of routers whose labels have none: `{{ .Name }}` and the like still in it. Empty:
    /// such a router is an error.
    std::string default_rule;
    bool operator==(const LabelProvider&) const = default;
};

/// providers.docker
struct DockerProvider : LabelProvider {
    std::string network;  ///< whose addresses are used; empty: the only or first one
    bool use_bind_port_ip = false;
    bool allow_empty_services = false;
    std::chrono::milliseconds http_client_timeout{0};  ///< of each request but the events; 0: 30 s
    bool operator==(const DockerProvider&) const = default;
};

enum class CheckStatus { passing, warning, critical };

/// providers.consulCatalog
struct ConsulCatalogProvider : LabelProvider {
    Secret token;            ///< empty: none is sent
    std::string datacenter;  ///< empty: that of the agent
    /// Instances in one of these states are served from; `any` in the configuration is all three.
    std::set<CheckStatus> strict_checks = {CheckStatus::passing, CheckStatus::warning};
    std::chrono::milliseconds refresh_interval{15'000};  ///< between looks without `watch`
    bool operator==(const ConsulCatalogProvider&) const = default;
};

inline constexpr std::chrono::milliseconds providers_throttle_default{2'000};

}  // namespace mesh::model

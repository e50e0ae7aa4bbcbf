#pragma once
#include "base/result.hpp"
#include "model/configuration.hpp"
#include "proxy/lifetime.hpp"
#include "proxy/middleware.hpp"
#include "proxy/service.hpp"
#include "proxy/socket_address.hpp"
#include "rules/sni_index.hpp"
#include "tls/policy.hpp"
#include "tls/upstream_policy.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::proxy {

/// What a connection holds after routing: immutable, shared between snapshots when unchanged.
struct Route {
    std::string router;
    std::string provider;
    std::string rule;  ///< as it was written
    std::optional<std::int64_t> priority;
    std::vector<std::string> names;  ///< host names of the rule, for "nearest router" in logs
    bool passthrough = false;
    bool closed = false;                                ///< everything that comes is refused
    std::shared_ptr<const tls::PolicySettings> policy;  ///< null for plain and passthrough
    bool sni_strict = false;
    bool default_when_missing = false;  ///< onMissingCertificate: default
    std::string directory;              ///< of the router's resolver; empty without one
    ServicePtr service;
    std::vector<MiddlewarePtr> middlewares;  ///< asked in this order, before anything else is done
    model::OnRemove on_remove = model::OnRemove::keep;
    LifetimePtr lifetime;  ///< of the router

    [[nodiscard]] bool operator==(const Route&) const = default;
};
using RoutePtr = std::shared_ptr<const Route>;

/// Routing of one entry point: two compiled tables, because bytes that are not TLS never match a
/// TLS router.
struct EntryPointRoutes {
    std::string name;
    model::ListenAddress address;
    bool reuse_port = false;
    model::EntryPointLimits limits;
    std::optional<Hostname> default_server_name;  ///< of TLS clients that name none
    model::OnRemove on_remove = model::OnRemove::keep;
    model::ProxyProtocol proxy_protocol;
    model::Detection detect;
    LifetimePtr lifetime;  ///< of the entry point
    std::shared_ptr<EntryPointUsage> usage;
    std::shared_ptr<InFlight> clients;  ///< for max_connections_per_ip
    rules::SniIndex tls;
    std::vector<RoutePtr> tls_routes;
    rules::SniIndex plain;
    std::vector<RoutePtr> plain_routes;

    /// What a PROXY header of this peer says is taken for true.
    [[nodiscard]] bool believes_header_of(const SocketAddress& peer) const;
    /// No connection can be TLS for us, so none is looked into.
    [[nodiscard]] bool speaks_plain_only() const { return tls.empty() && !plain.empty(); }
};

/// The certificate ordered for clients that no other fits; found like any other, by its name.
struct GeneratedDefault {
    Hostname name;
    std::string directory;
    bool operator==(const GeneratedDefault&) const = default;
};

/// The data path's view of the whole configuration. Built completely, then never changed.
struct Snapshot {
    std::optional<GeneratedDefault> generated_default;
    std::vector<std::shared_ptr<const EntryPointRoutes>> entry_points;
    /// By name, those that no route uses too: their counts go on in the next snapshot.
    std::map<std::string, MiddlewarePtr> middlewares;
    /// By name, those that a route uses, and those that they are made of.
    std::map<std::string, ServicePtr> services;

    /// A service that a route used once.
    struct Resting {
        ServicePtr service;
        unsigned changes = 0;  ///< snapshots since
    };
    /// By name, none of `services`: should a route use one again, its servers are what they were.
    /// They stay for so many snapshots, and while a connection to them is open.
    std::map<std::string, Resting> resting;
    static constexpr unsigned resting_changes_max = 8;
    static constexpr std::size_t resting_max = 256;  ///< those that rested last
};

/// By the name of the servers transport; "" is what counts where a service names none.
using UpstreamPolicies = std::map<std::string, tls::UpstreamPolicyPtr>;

/// TLS options as the TLS side takes them; `client_ca_pem` is the content of their CA files.
[[nodiscard]] tls::PolicySettings policy_settings(const model::TlsOptions& options,
                                                  std::string client_ca_pem);

/// `client_ca_pem`: for each tls.options name with clientAuth, the content of its CA files.
/// `upstream`: what servers are spoken to with where that is TLS.
/// What is the same in `previous` is shared with it: services, whose balancer state goes on, TLS
/// policies, middlewares (and of one that differs, its count), routes, whole entry points; where
/// nothing differs, `previous` is what comes back.
/// Errors: a policy the TLS library refuses; servers with TLS for which there is no policy.
[[nodiscard]] Result<std::shared_ptr<const Snapshot>> make_snapshot(
    const model::Configuration& configuration,
    const std::map<std::string, std::string>& client_ca_pem,
    const std::shared_ptr<const Snapshot>& previous,
    const UpstreamPolicies& upstream = {});

}  // namespace mesh::proxy

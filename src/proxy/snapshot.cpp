#include "proxy/snapshot.hpp"

#include "rules/rank.hpp"

#include <algorithm>

namespace mesh::proxy {

namespace {

using Settings = std::shared_ptr<const tls::PolicySettings>;

tls::Version version_of(model::TlsVersion version) {
    switch (version) {
        case model::TlsVersion::tls12:
            return tls::Version::tls12;
        case model::TlsVersion::tls13:
            return tls::Version::tls13;
    }
    return tls::Version::tls12;
}

tls::ClientAuth client_auth_of(model::ClientAuthType type) {
    switch (type) {
        case model::ClientAuthType::no_client_cert:
            return tls::ClientAuth::none;
        case model::ClientAuthType::request_client_cert:
            return tls::ClientAuth::request;
        case model::ClientAuthType::require_any_client_cert:
            return tls::ClientAuth::require_any;
        case model::ClientAuthType::verify_client_cert_if_given:
            return tls::ClientAuth::verify_if_given;
        case model::ClientAuthType::require_and_verify_client_cert:
            return tls::ClientAuth::require_and_verify;
    }
    return tls::ClientAuth::require_and_verify;
}

/// Builds one snapshot; the maps make equal things one object.
class Builder {
 public:
    Builder(const model::Configuration& configuration,
            const std::map<std::string, std::string>& client_ca_pem,
            std::shared_ptr<const Snapshot> previous,
            const UpstreamPolicies& upstream)
        : configuration_(configuration),
          client_ca_pem_(client_ca_pem),
          upstream_(upstream),
          previous_(std::move(previous)) {
        if (previous_) remember(*previous_);
    }

    Result<std::shared_ptr<const Snapshot>> build();

 private:
    struct Tables {
        std::shared_ptr<EntryPointRoutes> out;
        std::vector<rules::RankedRule> tls;
        std::vector<rules::RankedRule> plain;
    };

    void remember(const Snapshot& previous);
    void remember(const RoutePtr& route);
    std::shared_ptr<EntryPointRoutes> begin(const model::EntryPoint& entry_point) const;
    std::shared_ptr<const EntryPointRoutes> finish(std::shared_ptr<EntryPointRoutes> entry_point,
                                                   Tables& tables) const;
    Status add(const model::Router& router, std::map<std::string, Tables>& tables);
    Result<RoutePtr> make_route(const model::Router& router);
    Status set_tls(Route& route, const model::RouterTls& tls);
    Result<Settings> policy_of(const model::TlsOptions& options);
    std::optional<GeneratedDefault> generated_default() const;
    [[nodiscard]] Status check_upstream() const;
    [[nodiscard]] ServiceTransport transport_of(const model::Service& definition) const;
    ServicePtr service_named(const std::string& name);
    MiddlewarePtr middleware_of(const model::Middleware& definition) const;
    [[nodiscard]] std::map<std::string, Snapshot::Resting> resting() const;

    const model::Configuration& configuration_;
    const std::map<std::string, std::string>& client_ca_pem_;
    const UpstreamPolicies& upstream_;
    const std::shared_ptr<const Snapshot> previous_;
    std::map<std::string, std::shared_ptr<const EntryPointRoutes>> previous_entry_points_;
    std::map<std::string, RoutePtr> previous_routes_;
    std::map<std::string, ServicePtr> previous_services_;
    std::map<std::string, ServicePtr> services_;
    std::map<tls::PolicySettings, Settings> policies_;
    const std::map<std::string, MiddlewarePtr>* previous_middlewares_ = nullptr;
    const std::map<std::string, MiddlewarePtr>* middlewares_ = nullptr;
};

void Builder::remember(const Snapshot& previous) {
    previous_middlewares_ = &previous.middlewares;
    previous_services_ = previous.services;
    for (const auto& [name, rested] : previous.resting)
        previous_services_.emplace(name, rested.service);
    for (const auto& entry_point : previous.entry_points) {
        previous_entry_points_.emplace(entry_point->name, entry_point);
        for (const RoutePtr& route : entry_point->tls_routes) remember(route);
        for (const RoutePtr& route : entry_point->plain_routes) remember(route);
    }
}

void Builder::remember(const RoutePtr& route) {
    previous_routes_.emplace(route->router, route);
    if (route->policy) policies_.emplace(*route->policy, route->policy);
}

MiddlewarePtr Builder::middleware_of(const model::Middleware& definition) const {
    MiddlewarePtr before;
    if (previous_middlewares_ != nullptr)
        if (const auto found = previous_middlewares_->find(definition.name);
            found != previous_middlewares_->end())
            before = found->second;
    auto middleware = std::make_shared<Middleware>();
    middleware->name = definition.name;
    middleware->source_range = definition.source_range;
    if (definition.source_range.empty()) {
        middleware->in_flight_max = definition.in_flight_per_source;
        middleware->in_flight =
            before && before->in_flight ? before->in_flight : std::make_shared<InFlight>();
    }
    return before && *before == *middleware ? before : middleware;
}

/// Nobody is spoken to in the clear because something was missing.
Status Builder::check_upstream() const {
    for (const auto& [name, service] : configuration_.services) {
        const auto policy = upstream_.find(service.servers_transport);
        if (service.speaks_tls() && (policy == upstream_.end() || !policy->second))
            return Error{Errc::internal,
                         mesh::Origin::config,
                         "service " + name + ": nothing to speak TLS to its servers with"};
    }
    return {};
}

ServiceTransport Builder::transport_of(const model::Service& definition) const {
    ServiceTransport transport;
    transport.termination_delay = definition.termination_delay;
    if (definition.speaks_tls()) transport.tls = upstream_.at(definition.servers_transport);
    const auto written = configuration_.servers_transports.find(definition.servers_transport);
    if (written == configuration_.servers_transports.end()) return transport;
    transport.dial_timeout = written->second.dial_timeout;
    transport.keep_alive = written->second.dial_keep_alive;
    return transport;
}

/// With the services it is made of, which know no ring.
ServicePtr Builder::service_named(const std::string& name) {
    if (const auto made = services_.find(name); made != services_.end()) return made->second;
    const model::Service& definition = configuration_.services.at(name);
    std::vector<ServicePtr> parts;
    for (const model::WeightedService& part : definition.services)
        parts.push_back(service_named(part.service.value));
    const auto kept = previous_services_.find(name);
    const Service* const before = kept != previous_services_.end() ? kept->second.get() : nullptr;
    ServiceTransport transport = transport_of(definition);
    const bool unchanged = before != nullptr && same_definition(*before, definition, parts) &&
                           before->transport == transport;
    if (unchanged) return services_[name] = kept->second;
    ServicePtr service = make_service(definition, before, std::move(parts));
    service->transport = std::move(transport);
    return services_[name] = std::move(service);
}

/// A route that goes and comes back finds what was seen of its servers, and the connections that
/// were left open count.
std::map<std::string, Snapshot::Resting> Builder::resting() const {
    if (!previous_) return {};
    std::vector<std::pair<std::string, Snapshot::Resting>> found;
    for (const auto& [name, service] : previous_->services)
        if (!services_.contains(name)) found.emplace_back(name, Snapshot::Resting{service, 1});
    for (const auto& [name, rested] : previous_->resting) {
        if (services_.contains(name)) continue;
        const unsigned changes = rested.changes + 1;
        if (changes <= Snapshot::resting_changes_max || rested.service->states->in_use())
            found.emplace_back(name, Snapshot::Resting{rested.service, changes});
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return a.second.changes < b.second.changes;
    });
    found.resize(std::min(found.size(), Snapshot::resting_max));
    return {found.begin(), found.end()};
}

Result<Settings> Builder::policy_of(const model::TlsOptions& options) {
    const auto pem = client_ca_pem_.find(options.name);
    tls::PolicySettings settings =
        policy_settings(options, pem != client_ca_pem_.end() ? pem->second : std::string());
    if (const auto found = policies_.find(settings); found != policies_.end()) {
        return found->second;
    }
    // Tried here, so that a snapshot that exists can be applied.
    if (auto tried = tls::Policy::make(settings, nullptr); !tried) {
        return with_context("tls.options." + options.name, tried.error());
    }
    auto shared = std::make_shared<const tls::PolicySettings>(settings);
    policies_.emplace(std::move(settings), shared);
    return Settings(std::move(shared));
}

Status Builder::set_tls(Route& route, const model::RouterTls& tls) {
    route.passthrough = tls.passthrough;
    if (tls.passthrough) return {};
    const std::string options_name = tls.options ? tls.options->value : "default";
    const model::TlsOptions& options = configuration_.tls_options.at(options_name);
    auto policy = policy_of(options);
    if (!policy) return policy.error();
    route.policy = std::move(*policy);
    route.sni_strict = options.sni_strict;
    if (tls.cert_resolver) {
        route.directory = configuration_.resolvers.at(tls.cert_resolver->value).ca_server;
    }
    const auto otherwise = tls.cert_resolver ? model::OnMissingCertificate::refuse
                                             : model::OnMissingCertificate::use_default;
    route.default_when_missing = options.on_missing_certificate.value_or(otherwise) ==
                                 model::OnMissingCertificate::use_default;
    return {};
}

Result<RoutePtr> Builder::make_route(const model::Router& router) {
    auto route = std::make_shared<Route>();
    route->router = router.name;
    route->provider = router.provider;
    route->rule = router.rule.text();
    route->priority = router.priority;
    route->on_remove = router.on_remove;
    route->closed = router.closed;
    for (const HostPattern& name : router.rule.positive_names()) {
        route->names.push_back(name.text());
    }
    if (!router.closed) {
        route->service = service_named(router.service.value);
        for (const std::string& name : router.middlewares)
            route->middlewares.push_back(middlewares_->at(name));
    }
    if (router.tls && !router.closed) {
        if (auto set = set_tls(*route, *router.tls); !set) {
            return with_context("router " + router.name, set.error());
        }
    }
    const auto kept = previous_routes_.find(router.name);
    if (kept == previous_routes_.end()) {
        route->lifetime = std::make_shared<Lifetime>(router.name);
        return RoutePtr(std::move(route));
    }
    route->lifetime = kept->second->lifetime;
    return *route == *kept->second ? kept->second : RoutePtr(std::move(route));
}

Status Builder::add(const model::Router& router, std::map<std::string, Tables>& tables) {
    auto route = make_route(router);
    if (!route) return route.error();
    const rules::Rank rank(router.rule, router.priority, router.provider, router.name);
    for (const std::string& name : router.entry_points) {
        Tables& into = tables.at(name);
        std::vector<RoutePtr>& routes = router.tls ? into.out->tls_routes : into.out->plain_routes;
        (router.tls ? into.tls : into.plain).push_back({router.rule, rank, routes.size()});
        routes.push_back(*route);
    }
    return {};
}

std::optional<GeneratedDefault> Builder::generated_default() const {
    const auto& generated = configuration_.generated_default;
    if (!generated) return std::nullopt;
    return GeneratedDefault{generated->domain.main.name(),
                            configuration_.resolvers.at(generated->resolver).ca_server};
}

std::shared_ptr<EntryPointRoutes> Builder::begin(const model::EntryPoint& entry_point) const {
    auto routes = std::make_shared<EntryPointRoutes>();
    routes->name = entry_point.name;
    routes->address = entry_point.address;
    routes->reuse_port = entry_point.reuse_port;
    routes->limits = entry_point.limits;
    routes->default_server_name = entry_point.default_server_name;
    routes->on_remove = entry_point.on_remove;
    routes->proxy_protocol = entry_point.proxy_protocol;
    routes->detect = entry_point.detect;
    const auto kept = previous_entry_points_.find(entry_point.name);
    if (kept != previous_entry_points_.end()) {
        routes->lifetime = kept->second->lifetime;
        routes->usage = kept->second->usage;
        routes->clients = kept->second->clients;
    } else {
        routes->lifetime = std::make_shared<Lifetime>(entry_point.name);
        routes->usage = std::make_shared<EntryPointUsage>();
        routes->clients = std::make_shared<InFlight>();
    }
    return routes;
}

/// The one before when it is the same; else compiles the tables, which is most of the work.
std::shared_ptr<const EntryPointRoutes> Builder::finish(
    std::shared_ptr<EntryPointRoutes> entry_point, Tables& tables) const {
    const auto kept = previous_entry_points_.find(entry_point->name);
    if (kept != previous_entry_points_.end()) {
        const EntryPointRoutes& before = *kept->second;
        if (before.address == entry_point->address &&
            before.reuse_port == entry_point->reuse_port && before.limits == entry_point->limits &&
            before.default_server_name == entry_point->default_server_name &&
            before.on_remove == entry_point->on_remove &&
            before.proxy_protocol == entry_point->proxy_protocol &&
            before.detect == entry_point->detect && before.tls_routes == entry_point->tls_routes &&
            before.plain_routes == entry_point->plain_routes)
            return kept->second;
    }
    entry_point->tls = rules::SniIndex(std::move(tables.tls));
    entry_point->plain = rules::SniIndex(std::move(tables.plain));
    return entry_point;
}

Result<std::shared_ptr<const Snapshot>> Builder::build() {
    if (auto checked = check_upstream(); !checked) return checked.error();
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generated_default = generated_default();
    for (const auto& [name, middleware] : configuration_.middlewares)
        snapshot->middlewares.emplace(name, middleware_of(middleware));
    middlewares_ = &snapshot->middlewares;
    std::map<std::string, Tables> tables;
    for (const auto& [name, entry_point] : configuration_.entry_points)
        tables.emplace(name, Tables{begin(entry_point), {}, {}});
    for (const auto& [name, router] : configuration_.routers) {
        if (auto added = add(router, tables); !added) return added.error();
    }
    for (auto& [name, table] : tables)
        snapshot->entry_points.push_back(finish(std::move(table.out), table));
    snapshot->resting = resting();
    snapshot->services = std::move(services_);
    if (previous_ && snapshot->entry_points == previous_->entry_points &&
        snapshot->middlewares == previous_->middlewares &&
        snapshot->generated_default == previous_->generated_default)
        return previous_;
    return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

}  // namespace

bool EntryPointRoutes::believes_header_of(const SocketAddress& peer) const {
    if (proxy_protocol.insecure) return true;
    const auto& trusted = proxy_protocol.trusted;
    if (trusted.empty()) return false;
    const IpAddress ip(peer.ip());
    return std::any_of(trusted.begin(), trusted.end(), [&](const IpNetwork& network) {
        return network.contains(ip);
    });
}

tls::PolicySettings policy_settings(const model::TlsOptions& options, std::string client_ca_pem) {
    tls::PolicySettings settings;
    settings.min_version = version_of(options.min_version);
    settings.max_version = version_of(options.max_version);
    settings.alpn_protocols = options.alpn_protocols;
    settings.client_auth = client_auth_of(options.client_auth.type);
    settings.client_ca_pem = std::move(client_ca_pem);
    settings.cipher_suites = options.cipher_suites;
    for (const auto& curve : options.curve_preferences) settings.groups.push_back(curve.value);
    settings.session_tickets = options.session_tickets;
    return settings;
}

Result<std::shared_ptr<const Snapshot>> make_snapshot(
    const model::Configuration& configuration,
    const std::map<std::string, std::string>& client_ca_pem,
    const std::shared_ptr<const Snapshot>& previous,
    const UpstreamPolicies& upstream) {
    return Builder(configuration, client_ca_pem, previous, upstream).build();
}

}  // namespace mesh::proxy

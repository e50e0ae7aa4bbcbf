#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"

#include <limits>

namespace mesh::config {
namespace {

constexpr std::int64_t priority_max = std::numeric_limits<std::int64_t>::max();

/// `tls:` with nothing behind it turns TLS on, as it does in Traefik; say so.
void read_tls(const Field& field, RouterDraft& out) {
    read_section(field, router_tls_section(), out.tls);
    if (field.kind() != NodeKind::null) return;
    field.problems().note(codes::empty_section,
                          field.at(),
                          "\"tls\" with nothing behind it counts as tls: {}",
                          "write tls: {}");
}

/// An empty value means the option is not there.
void read_unless_empty(const Field& field, std::optional<Text>& out) {
    if (field.kind() == NodeKind::null) return;
    Text text = field.text();
    if (text.unknown || !text.value.empty()) out = std::move(text);
}

void read_domains(const Field& field, RouterTlsDraft& out) {
    if (field.kind() != NodeKind::null) read_list(field, domain_section(), out.domains);
}

void read_servers(const Field& field, LoadBalancerDraft& out) {
    out.servers_given = true;
    read_list(field, server_section(), out.servers);
    if (field.kind() == NodeKind::list && field.size() == 0)
        field.problems().error(codes::missing, field.at(), "a service needs at least one server");
}

constexpr Option<TcpDraft> tcp_options[] = {
    option<TcpDraft>("routers",
                     "map",
                     "",
                     "Which connections go to which service.",
                     [](const Field& field, TcpDraft& out) {
                         read_named(field, "router", router_section(), out.routers);
                     }),
    option<TcpDraft>("services",
                     "map",
                     "",
                     "The servers behind mesh.",
                     [](const Field& field, TcpDraft& out) {
                         read_named(field, "service", service_section(), out.services);
                     }),
    later<TcpDraft>("middlewares"),
    later<TcpDraft>("serversTransports"),
};
constexpr Section<TcpDraft> tcp{"tcp", tcp_options};

constexpr Option<RouterDraft> router_options[] = {
    option<RouterDraft>(
        "entryPoints",
        "list of names",
        "all entry points",
        "Where this router takes connections from.",
        [](const Field& field, RouterDraft& out) { out.entry_points = field.texts(); }),
    required<RouterDraft>("rule",
                          "rule",
                          "Which connections this router takes; see [Rules](#rules).",
                          [](const Field& field, RouterDraft& out) { out.rule = field.text(); }),
    option<RouterDraft>(
        "priority",
        "number",
        "the rule's length in bytes; ``HostSNI(`*`)`` alone: -1",
        "The router with the highest one that matches gets the connection. 0 is the default.",
        [](const Field& field, RouterDraft& out) {
            out.priority = field.integer(-priority_max, priority_max);
        }),
    required<RouterDraft>("service",
                          "name",
                          "The service the connections go to.",
                          [](const Field& field, RouterDraft& out) { out.service = field.text(); }),
    option<RouterDraft>("tls",
                        "section",
                        "plain TCP",
                        "Takes TLS connections only. `tls: {}` terminates TLS.",
                        read_tls),
    later<RouterDraft>("middlewares"),
    option<RouterDraft>(
        "onRemove",
        "keep, drain or close",
        "keep",
        on_remove_help,
        [](const Field& field, RouterDraft& out) { out.on_remove = read_on_remove(field); }),
    foreign<RouterDraft>("observability"),
    foreign<RouterDraft>("ruleSyntax"),
};
constexpr Section<RouterDraft> router{"tcp.routers.<name>", router_options};

constexpr Option<RouterTlsDraft> router_tls_options[] = {
    option<RouterTlsDraft>(
        "passthrough",
        "boolean",
        "false",
        "Passes the encrypted bytes on to the server instead of terminating TLS.",
        [](const Field& field, RouterTlsDraft& out) { out.passthrough = field.boolean(); }),
    option<RouterTlsDraft>(
        "options",
        "name",
        "default",
        "The entry of `tls.options` that applies.",
        [](const Field& field, RouterTlsDraft& out) { read_unless_empty(field, out.options); }),
    option<RouterTlsDraft>("certResolver",
                           "name",
                           "none",
                           "The resolver that gets and renews this router's certificates.",
                           [](const Field& field, RouterTlsDraft& out) {
                               read_unless_empty(field, out.cert_resolver);
                           }),
    option<RouterTlsDraft>(
        "domains",
        "list of sections",
        "the names of the rule",
        "The certificates to order: one for each entry, instead of one for the rule's names.",
        read_domains),
};
constexpr Section<RouterTlsDraft> router_tls{"tcp.routers.<name>.tls", router_tls_options};

constexpr Option<DomainDraft> domain_options[] = {
    required<DomainDraft>("main",
                          "host name",
                          "The first name of the certificate.",
                          [](const Field& field, DomainDraft& out) { out.main = field.text(); }),
    option<DomainDraft>("sans",
                        "list of host names",
                        "none",
                        "Its other names; 100 names in all at most.",
                        [](const Field& field, DomainDraft& out) { out.sans = field.texts(); }),
};
constexpr Section<DomainDraft> domain{"tcp.routers.<name>.tls.domains[]", domain_options};

constexpr Option<ServiceDraft> service_options[] = {
    required<ServiceDraft>("loadBalancer",
                           "section",
                           "The servers connections are spread over, in turn.",
                           [](const Field& field, ServiceDraft& out) {
                               read_section(field, load_balancer_section(), out.load_balancer);
                           }),
    later<ServiceDraft>("weighted"),
};
constexpr Section<ServiceDraft> service{"tcp.services.<name>", service_options};

constexpr Option<LoadBalancerDraft> load_balancer_options[] = {
    required<LoadBalancerDraft>(
        "servers", "list of sections", "At least one server.", read_servers),
    later<LoadBalancerDraft>("strategy"),
    later<LoadBalancerDraft>("serversTransport"),
    later<LoadBalancerDraft>("proxyProtocol"),
    later<LoadBalancerDraft>("terminationDelay"),
    later<LoadBalancerDraft>("healthCheck"),
};
constexpr Section<LoadBalancerDraft> load_balancer{"tcp.services.<name>.loadBalancer",
                                                   load_balancer_options};

constexpr Option<ServerDraft> server_options[] = {
    required<ServerDraft>("address",
                          "host:port",
                          "`192.0.2.7:5432`, `[2001:db8::7]:5432` or `db.internal:5432`.",
                          [](const Field& field, ServerDraft& out) { out.address = field.text(); }),
    later<ServerDraft>("tls"),
    later<ServerDraft>("startTLS"),
    later<ServerDraft>("weight"),
};
constexpr Section<ServerDraft> server{"tcp.services.<name>.loadBalancer.servers[]", server_options};

}  // namespace

const Section<TcpDraft>& tcp_section() {
    return tcp;
}
const Section<RouterDraft>& router_section() {
    return router;
}
const Section<RouterTlsDraft>& router_tls_section() {
    return router_tls;
}
const Section<DomainDraft>& domain_section() {
    return domain;
}
const Section<ServiceDraft>& service_section() {
    return service;
}
const Section<LoadBalancerDraft>& load_balancer_section() {
    return load_balancer;
}
const Section<ServerDraft>& server_section() {
    return server;
}

}  // namespace mesh::config

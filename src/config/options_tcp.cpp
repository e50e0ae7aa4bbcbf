#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"

#include <limits>

namespace mesh::config {
namespace {

constexpr std::int64_t port_max = 65'535;
constexpr std::int64_t priority_max = std::numeric_limits<std::int64_t>::max();

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

void read_container(const Field& field, LoadBalancerDraft& out) {
    std::optional<ContainerServerDraft> container;
    read_section(field, container_server_section(), container);
    if (container) out.containers.push_back(std::move(*container));
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
    option<TcpDraft>("middlewares",
                     "map",
                     "",
                     "What clients must pass before they reach a service.",
                     [](const Field& field, TcpDraft& out) {
                         read_named(field, "middleware", middleware_section(), out.middlewares);
                     }),
    later<TcpDraft>("serversTransports"),
};
constexpr Section<TcpDraft> tcp_entry{"tcp", tcp_options};

constexpr Option<RouterDraft> router_options[] = {
    option<RouterDraft>(
        "entryPoints",
        "list of names",
        "the entry points with `asDefault`; all when none has it",
        "Where this router takes connections from.",
        [](const Field& field, RouterDraft& out) { out.entry_points = field.texts(); }),
    required_in_files<RouterDraft>(
        "rule",
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
    required_in_files<RouterDraft>(
        "service",
        "name",
        "The service the connections go to.",
        [](const Field& field, RouterDraft& out) { out.service = field.text(); }),
    option<RouterDraft>("tls",
                        "section",
                        "plain TCP",
                        "Takes TLS connections only. `tls: {}` terminates TLS.",
                        [](const Field& field, RouterDraft& out) {
                            read_tls(field, router_tls_section(), out.tls);
                        }),
    option<RouterDraft>(
        "middlewares",
        "list of names",
        "none",
        "The middlewares a client must pass, in this order.",
        [](const Field& field, RouterDraft& out) { out.middlewares = field.texts(); }),
    option<RouterDraft>(
        "onRemove",
        "keep, drain or close",
        "keep",
        on_remove_help,
        [](const Field& field, RouterDraft& out) { out.on_remove = read_on_remove(field); }),
    foreign<RouterDraft>("observability"),
    foreign<RouterDraft>("ruleSyntax"),
};
constexpr Section<RouterDraft> router_entry{"tcp.routers.<name>", router_options};

constexpr auto options_of_router_tls = option<RouterTlsDraft>(
    "options",
    "name",
    "default",
    "The entry of `tls.options` that applies.",
    [](const Field& field, RouterTlsDraft& out) { read_unless_empty(field, out.options); });
constexpr auto tls_cert_resolver = option<RouterTlsDraft>(
    "certResolver",
    "name",
    "none",
    "The resolver that gets and renews this router's certificates.",
    [](const Field& field, RouterTlsDraft& out) { read_unless_empty(field, out.cert_resolver); });
constexpr auto tls_domains = option<RouterTlsDraft>(
    "domains",
    "list of sections",
    "the names of the rule",
    "The certificates to order: one for each entry, instead of one for the rule's names.",
    read_domains);

constexpr Option<RouterTlsDraft> router_tls_options[] = {
    option<RouterTlsDraft>(
        "passthrough",
        "boolean",
        "false",
        "Passes the encrypted bytes on to the server instead of terminating TLS.",
        [](const Field& field, RouterTlsDraft& out) { out.passthrough = field.boolean(); }),
    options_of_router_tls,
    tls_cert_resolver,
    tls_domains,
};
constexpr Section<RouterTlsDraft> router_tls_entry{"tcp.routers.<name>.tls", router_tls_options};

constexpr Option<RouterTlsDraft> documented_as(Option<RouterTlsDraft> row, std::string_view type) {
    row.text.type = type;
    return row;
}

/// What an entry point may fill in for its routers.
constexpr Option<RouterTlsDraft> entry_point_tls_options[] = {
    options_of_router_tls,
    tls_cert_resolver,
    documented_as(tls_domains, "list of sections, as in `tcp.routers.<name>.tls.domains[]`"),
};
constexpr Section<RouterTlsDraft> entry_point_tls_entry{"entryPoints.<name>.tls",
                                                        entry_point_tls_options};

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
constexpr Section<DomainDraft> domain_entry{"tcp.routers.<name>.tls.domains[]", domain_options};

constexpr Option<ServiceDraft> service_options[] = {
    required<ServiceDraft>("loadBalancer",
                           "section",
                           "The servers connections are spread over, in turn.",
                           [](const Field& field, ServiceDraft& out) {
                               read_section(field, load_balancer_section(), out.load_balancer);
                           }),
    later<ServiceDraft>("weighted"),
};
constexpr Section<ServiceDraft> service_entry{"tcp.services.<name>", service_options};

constexpr Option<LoadBalancerDraft> load_balancer_options[] = {
    required_in_files<LoadBalancerDraft>(
        "servers", "list of sections", "At least one server.", read_servers),
    label_option<LoadBalancerDraft>(
        "server",
        "section",
        "The container or service itself.",
        "write servers: [{ address: \"127.0.0.1:8080\" }]",
        [](const Field& field, LoadBalancerDraft& out) { read_container(field, out); }),
    later<LoadBalancerDraft>("strategy"),
    later<LoadBalancerDraft>("serversTransport"),
    later<LoadBalancerDraft>("proxyProtocol"),
    later<LoadBalancerDraft>("terminationDelay"),
    later<LoadBalancerDraft>("healthCheck"),
};
constexpr Section<LoadBalancerDraft> load_balancer_entry{"tcp.services.<name>.loadBalancer",
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
constexpr Section<ServerDraft> server_entry{"tcp.services.<name>.loadBalancer.servers[]",
                                            server_options};

constexpr Option<ContainerServerDraft> container_server_options[] = {
    option<ContainerServerDraft>("port",
                                 "number",
                                 "the lowest port the container exposes",
                                 "The port it listens on, 1 to 65535.",
                                 [](const Field& field, ContainerServerDraft& out) {
                                     out.port =
                                         static_cast<std::uint16_t>(field.integer(1, port_max));
                                 }),
    later<ContainerServerDraft>("tls"),
    foreign<ContainerServerDraft>("scheme"),
};
constexpr Section<ContainerServerDraft> container_server_entry{
    "tcp.services.<name>.loadBalancer.server", container_server_options};

}  // namespace

const Section<TcpDraft>& tcp_section() {
    return tcp_entry;
}
const Section<RouterDraft>& router_section() {
    return router_entry;
}
const Section<RouterTlsDraft>& router_tls_section() {
    return router_tls_entry;
}
const Section<RouterTlsDraft>& entry_point_tls_section() {
    return entry_point_tls_entry;
}
const Section<DomainDraft>& domain_section() {
    return domain_entry;
}
const Section<ServiceDraft>& service_section() {
    return service_entry;
}
const Section<LoadBalancerDraft>& load_balancer_section() {
    return load_balancer_entry;
}
const Section<ServerDraft>& server_section() {
    return server_entry;
}
const Section<ContainerServerDraft>& container_server_section() {
    return container_server_entry;
}

}  // namespace mesh::config

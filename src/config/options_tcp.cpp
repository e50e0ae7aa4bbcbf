#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"
#include "model/weights.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

namespace mesh::config {
namespace {

constexpr std::size_t payload_max = 65'535;
constexpr std::chrono::milliseconds check_interval_min{100};
constexpr std::chrono::milliseconds check_interval_max = std::chrono::hours{24};
constexpr std::chrono::milliseconds check_timeout_max = std::chrono::seconds{60};
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

unsigned read_weight(const Field& field) {
    return static_cast<unsigned>(field.integer(0, std::int64_t{model::weight_max}));
}

void read_services(const Field& field, TcpDraft& out) {
    read_named(field, "service", service_section(), out.services);
    if (field.kind() != NodeKind::map) return;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const auto known = out.services.find(std::string(field.key(i)));
        // What is wrong with one that is no section has been said.
        if (known != out.services.end() && field.entry(i, field.key(i)).kind() != NodeKind::map)
            known->second.is_given = true;
    }
}

bool is_ascii_character(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}

std::string read_payload(const Field& field) {
    Text text = field.text();
    if (text.value.size() > payload_max)
        field.problems().error(codes::bad_value,
                               text.at,
                               "it has " + std::to_string(text.value.size()) + " bytes; at most " +
                                   std::to_string(payload_max));
    // Whoever writes "\xff" may think of a byte.
    if (!std::all_of(text.value.begin(), text.value.end(), is_ascii_character))
        field.problems().warning(codes::bad_value,
                                 text.at,
                                 "it is sent and compared as text in UTF-8, not as bytes: what is "
                                 "not ASCII has more than one byte a character");
    return std::move(text.value);
}

std::chrono::milliseconds read_interval(const Field& field) {
    const auto interval = field.duration(check_interval_max);
    if (interval < check_interval_min)
        field.problems().error(codes::bad_value,
                               field.at(),
                               "servers are not looked at more often than every 100ms",
                               "write at least 100ms");
    return interval;
}

void read_servers(const Field& field, LoadBalancerDraft& out) {
    out.servers_given = true;
    read_list(field, server_section(), out.servers);
    if (field.kind() == NodeKind::list && field.size() == 0)
        field.problems().error(codes::missing, field.at(), "a service needs at least one server");
}

void read_servers_transports(const Field& field, TcpDraft& out) {
    if (!field.is_label())
        return read_named(
            field, "servers transport", servers_transport_section(), out.servers_transports);
    field.problems().error(codes::unsupported,
                           field.written_at(),
                           "labels name a servers transport, a file defines it",
                           "put it into the configuration file, and write "
                           "loadbalancer.serverstransport=NAME@file here");
}

constexpr Choice<bool> start_tls_protocols[] = {{"postgres", true}};
constexpr RefusedWord other_protocols[] = {
    {"mysql", "mesh asks Postgres servers for TLS only", "use tls: true if it takes TLS at once"},
    {"smtp", "mesh asks Postgres servers for TLS only", "use tls: true with its port 465"},
    {"imap", "mesh asks Postgres servers for TLS only", "use tls: true with its port 993"},
};
void read_start_tls(const Field& field, ServerTlsDraft& out) {
    out.start_tls_at = field.key_at();
    out.start_tls_postgres = field.choice(start_tls_protocols, other_protocols);
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
                     [](const Field& field, TcpDraft& out) { read_services(field, out); }),
    option<TcpDraft>("middlewares",
                     "map",
                     "",
                     "What clients must pass before they reach a service.",
                     [](const Field& field, TcpDraft& out) {
                         read_named(field, "middleware", middleware_section(), out.middlewares);
                     }),
    option<TcpDraft>("serversTransports",
                     "map",
                     "",
                     "How servers are spoken to; services name them. Files only.",
                     read_servers_transports),
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
    option<ServiceDraft>("loadBalancer",
                         "section",
                         "",
                         "The servers connections are spread over. It or `weighted` is required.",
                         [](const Field& field, ServiceDraft& out) {
                             out.is_given = true;
                             read_section(field, load_balancer_section(), out.load_balancer);
                         }),
    option<ServiceDraft>("weighted",
                         "section",
                         "",
                         "Other services that connections are spread over, each by its own rules.",
                         [](const Field& field, ServiceDraft& out) {
                             out.is_given = true;
                             read_section(field, weighted_section(), out.weighted);
                         }),
};
constexpr Section<ServiceDraft> service_entry{"tcp.services.<name>", service_options};

constexpr Option<WeightedDraft> weighted_options[] = {
    required<WeightedDraft>(
        "services",
        "list of sections",
        "At least one service.",
        [](const Field& field, WeightedDraft& out) {
            read_list(field, weighted_service_section(), out.services);
            if (field.kind() == NodeKind::list && field.size() == 0)
                field.problems().error(
                    codes::missing, field.at(), "a weighted service needs at least one service");
        }),
    later<WeightedDraft>("healthCheck"),
};
constexpr Section<WeightedDraft> weighted_entry{"tcp.services.<name>.weighted", weighted_options};

constexpr Option<WeightedServiceDraft> weighted_service_options[] = {
    required<WeightedServiceDraft>(
        "name",
        "name",
        "A service, written as in a router.",
        [](const Field& field, WeightedServiceDraft& out) { out.name = field.text(); }),
    option<WeightedServiceDraft>(
        "weight",
        "number",
        "1",
        "Its share of the connections beside the other services', 0 to 65535. 0 drains it: it gets "
        "none while another has a weight.",
        [](const Field& field, WeightedServiceDraft& out) { out.weight = read_weight(field); }),
};
constexpr Section<WeightedServiceDraft> weighted_service_entry{
    "tcp.services.<name>.weighted.services[]", weighted_service_options};

constexpr Choice<model::Strategy> strategies[] = {{"wrr", model::Strategy::wrr},
                                                  {"leastConn", model::Strategy::least_conn}};
constexpr RefusedWord other_strategies[] = {
    {"roundrobin", "the servers take turns with \"wrr\"", "write wrr"},
    {"leasttime", "mesh does not measure how fast servers answer", "write leastConn or wrr"},
    {"p2c", "mesh compares all servers, not two of them", "write leastConn"},
    {"hrw", "mesh does not bind clients to servers", "write wrr or leastConn"},
    {"source", "mesh does not bind clients to servers", "write wrr or leastConn"},
};
constexpr Option<LoadBalancerDraft> load_balancer_options[] = {
    required_in_files<LoadBalancerDraft>(
        "servers", "list of sections", "At least one server.", read_servers),
    label_option<LoadBalancerDraft>(
        "server",
        "section",
        "The container or service itself.",
        "write servers: [{ address: \"127.0.0.1:8080\" }]",
        [](const Field& field, LoadBalancerDraft& out) { read_container(field, out); }),
    option<LoadBalancerDraft>(
        "strategy",
        "wrr or leastConn",
        "wrr",
        "Which server the next connection goes to: they take turns, or the one with the fewest "
        "open connections has it, both by weight.",
        [](const Field& field, LoadBalancerDraft& out) {
            out.strategy = field.choice(strategies, other_strategies);
        }),
    option<LoadBalancerDraft>("serversTransport",
                              "name",
                              "mesh's defaults",
                              "The entry of `tcp.serversTransports` that says how its servers are "
                              "spoken to.",
                              [](const Field& field, LoadBalancerDraft& out) {
                                  read_unless_empty(field, out.servers_transport);
                              }),
    option<LoadBalancerDraft>("proxyProtocol",
                              "section",
                              "",
                              "Tells the servers who the client is, by a PROXY header ahead of "
                              "anything else. They must expect one.",
                              [](const Field& field, LoadBalancerDraft& out) {
                                  read_section(field, sent_proxy_section(), out.proxy_protocol);
                              }),
    option<LoadBalancerDraft>("terminationDelay",
                              "duration",
                              "that of its servers transport",
                              "As in `tcp.serversTransports`. With a unit: Traefik takes a bare "
                              "number for milliseconds here, mesh for seconds elsewhere.",
                              [](const Field& field, LoadBalancerDraft& out) {
                                  out.termination_at = field.key_at();
                                  out.termination_delay = read_service_termination_delay(field);
                              }),
    option<LoadBalancerDraft>("healthCheck",
                              "section",
                              "",
                              "Looks again and again whether each server is up; one that is not "
                              "gets no connection.",
                              [](const Field& field, LoadBalancerDraft& out) {
                                  read_section(field, health_check_section(), out.health_check);
                              }),
};
constexpr Section<LoadBalancerDraft> load_balancer_entry{"tcp.services.<name>.loadBalancer",
                                                         load_balancer_options};

constexpr Choice<model::ProxyVersion> proxy_versions[] = {{"1", model::ProxyVersion::v1},
                                                          {"2", model::ProxyVersion::v2}};
constexpr Option<SentProxyDraft> sent_proxy_options[] = {
    option<SentProxyDraft>("version",
                           "1 or 2",
                           "2",
                           "Of the protocol: 1 is a line of text, 2 is binary.",
                           [](const Field& field, SentProxyDraft& out) {
                               out.version = field.choice(proxy_versions);
                           }),
};
constexpr Section<SentProxyDraft> sent_proxy_entry{"tcp.services.<name>.loadBalancer.proxyProtocol",
                                                   sent_proxy_options};

constexpr Option<HealthCheckDraft> health_check_options[] = {
    option<HealthCheckDraft>("port",
                             "number",
                             "each server's own",
                             "Where servers are asked, 1 to 65535.",
                             [](const Field& field, HealthCheckDraft& out) {
                                 out.check.port =
                                     static_cast<std::uint16_t>(field.integer(1, port_max));
                             }),
    option<HealthCheckDraft>(
        "send",
        "text",
        "nothing",
        "What a server is sent once it has accepted; at most 65535 bytes.",
        [](const Field& field, HealthCheckDraft& out) { out.check.send = read_payload(field); }),
    option<HealthCheckDraft>(
        "expect",
        "text",
        "nothing: that it accepts is enough",
        "What its answer has to begin with; at most 65535 bytes.",
        [](const Field& field, HealthCheckDraft& out) { out.check.expect = read_payload(field); }),
    option<HealthCheckDraft>(
        "interval",
        "duration",
        "10s",
        "From one look to the next; at least 100ms. The first is at once, the second after a "
        "part of it.",
        [](const Field& field, HealthCheckDraft& out) {
            out.check.interval = read_interval(field);
        }),
    option<HealthCheckDraft>("unhealthyInterval",
                             "duration",
                             "`interval`",
                             "The same while the server is down.",
                             [](const Field& field, HealthCheckDraft& out) {
                                 out.check.unhealthy_interval = read_interval(field);
                             }),
    option<HealthCheckDraft>("timeout",
                             "duration",
                             "3s",
                             "For the connection and its answer together; at most 60s.",
                             [](const Field& field, HealthCheckDraft& out) {
                                 out.check.timeout = field.duration(check_timeout_max);
                             }),
};
constexpr Section<HealthCheckDraft> health_check_entry{
    "tcp.services.<name>.loadBalancer.healthCheck", health_check_options};

constexpr Option<ServerDraft> server_options[] = {
    required<ServerDraft>("address",
                          "host:port",
                          "`192.0.2.7:5432`, `[2001:db8::7]:5432` or `db.internal:5432`.",
                          [](const Field& field, ServerDraft& out) { out.address = field.text(); }),
    option<ServerDraft>(
        "tls",
        "boolean",
        "false",
        "Speaks TLS to it, and verifies its certificate; see "
        "[TLS to servers](upstream-tls.md).",
        [](const Field& field, ServerDraft& out) { out.security.tls = field.boolean(); }),
    option<ServerDraft>(
        "startTLS",
        "postgres",
        "none",
        "Asks it for TLS in its own protocol first, then the same as `tls`.",
        [](const Field& field, ServerDraft& out) { read_start_tls(field, out.security); }),
    option<ServerDraft>(
        "weight",
        "number",
        "1",
        "Its share of the connections beside the other servers', 0 to 65535. 0 drains it: it gets "
        "none while another has a weight.",
        [](const Field& field, ServerDraft& out) { out.weight = read_weight(field); }),
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
    option<ContainerServerDraft>(
        "weight",
        "number",
        "1",
        "The share of each of its instances, as `servers[].weight`.",
        [](const Field& field, ContainerServerDraft& out) { out.weight = read_weight(field); }),
    option<ContainerServerDraft>(
        "tls",
        "boolean",
        "false",
        "As `servers[].tls`.",
        [](const Field& field, ContainerServerDraft& out) { out.security.tls = field.boolean(); }),
    option<ContainerServerDraft>(
        "startTLS",
        "postgres",
        "none",
        "As `servers[].startTLS`.",
        [](const Field& field, ContainerServerDraft& out) { read_start_tls(field, out.security); }),
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
const Section<WeightedDraft>& weighted_section() {
    return weighted_entry;
}
const Section<WeightedServiceDraft>& weighted_service_section() {
    return weighted_service_entry;
}
const Section<LoadBalancerDraft>& load_balancer_section() {
    return load_balancer_entry;
}
const Section<SentProxyDraft>& sent_proxy_section() {
    return sent_proxy_entry;
}
const Section<HealthCheckDraft>& health_check_section() {
    return health_check_entry;
}
const Section<ServerDraft>& server_section() {
    return server_entry;
}
const Section<ContainerServerDraft>& container_server_section() {
    return container_server_entry;
}

}  // namespace mesh::config

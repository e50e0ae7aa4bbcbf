#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

/// More workers than any machine has cores; each costs a thread and its own copies.
constexpr std::int64_t workers_max = 1024;

/// Nothing in it, as against something that was refused.
bool is_empty(NodeKind kind, std::size_t size) {
    return kind == NodeKind::null || (kind == NodeKind::map && size == 0);
}

constexpr Option<Draft> root_options[] = {
    option<Draft>("entryPoints",
                  "map",
                  "",
                  "Where mesh listens. At least one.",
                  [](const Field& field, Draft& out) {
                      read_named(field, "entry point", entry_point_section(), out.entry_points);
                      out.entry_points_expected = is_empty(field.kind(), field.size());
                  }),
    option<Draft>("certificatesResolvers",
                  "map",
                  "",
                  "Where certificates come from.",
                  [](const Field& field, Draft& out) {
                      read_named(field, "resolver", resolver_section(), out.resolvers);
                  }),
    option<Draft>(
        "tcp",
        "section",
        "",
        "Routers and services.",
        [](const Field& field, Draft& out) { decode_section(field, tcp_section(), out.tcp); }),
    option<Draft>(
        "tls",
        "section",
        "",
        "TLS options, and certificates from files.",
        [](const Field& field, Draft& out) { decode_section(field, tls_section(), out.tls); }),
    option<Draft>("workers",
                  "number",
                  "from the CPU affinity and the cgroup quota",
                  "Worker threads, 1 to 1024.",
                  [](const Field& field, Draft& out) {
                      out.workers = static_cast<unsigned>(field.integer(1, workers_max));
                  }),
    option<Draft>(
        "log",
        "section",
        "",
        "What is logged, how and where.",
        [](const Field& field, Draft& out) { decode_section(field, log_section(), out.log); }),
    option<Draft>("providers",
                  "section",
                  "",
                  "Where configuration comes from besides this file.",
                  [](const Field& field, Draft& out) {
                      decode_section(field, providers_section(), out.providers);
                  }),
    option<Draft>("accessLog",
                  "section",
                  "no such log",
                  "One line for each connection when it ends; `accessLog: {}` is enough.",
                  [](const Field& field, Draft& out) {
                      read_section(field, access_log_section(), out.access_log);
                  }),
    foreign<Draft>("api"),
    foreign<Draft>("core"),
    foreign<Draft>("experimental"),
    foreign<Draft>("global"),
    foreign<Draft>("hostResolver"),
    foreign<Draft>("http"),
    foreign<Draft>("hub"),
    foreign<Draft>("metrics"),
    foreign<Draft>("ocsp"),
    foreign<Draft>("pilot"),
    foreign<Draft>("ping"),
    foreign<Draft>("serversTransport"),
    foreign<Draft>("spiffe"),
    foreign<Draft>("tcpServersTransport"),
    foreign<Draft>("tracing"),
    foreign<Draft>("udp"),
};
constexpr Section<Draft> root_entry{"", root_options};

constexpr Option<Draft> dynamic_options[] = {
    option<Draft>(
        "tcp",
        "section",
        "",
        "",
        [](const Field& field, Draft& out) { decode_section(field, tcp_section(), out.tcp); }),
    option<Draft>(
        "tls",
        "section",
        "",
        "",
        [](const Field& field, Draft& out) { decode_section(field, tls_section(), out.tls); }),
    foreign<Draft>("http"),
    foreign<Draft>("udp"),
    misplaced<Draft>("entryPoints"),
    misplaced<Draft>("certificatesResolvers"),
    misplaced<Draft>("providers"),
    misplaced<Draft>("workers"),
    misplaced<Draft>("log"),
    misplaced<Draft>("accessLog"),
};
constexpr Section<Draft> dynamic_root_entry{"", dynamic_options};

}  // namespace

const Section<Draft>& root_section() {
    return root_entry;
}

Draft decode(const Source& source, TreeNode node) {
    Draft draft;
    draft.entry_points_expected = node.kind() == NodeKind::map || node.kind() == NodeKind::null;
    decode_section(Field(source, node), root_entry, draft);
    return draft;
}

void decode_dynamic(const Source& source, TreeNode node, Draft& draft) {
    decode_section(Field(source, node), dynamic_root_entry, draft);
}

std::vector<SectionText> all_sections() {
    return {text_of(root_section()),
            text_of(entry_point_section()),
            text_of(detection_section()),
            text_of(transport_section()),
            text_of(life_cycle_section()),
            text_of(responding_timeouts_section()),
            text_of(proxy_protocol_section()),
            text_of(entry_point_tls_section()),
            text_of(providers_section()),
            text_of(file_provider_section()),
            text_of(docker_section()),
            text_of(provider_tls_section()),
            text_of(consul_catalog_section()),
            text_of(consul_endpoint_section()),
            text_of(resolver_section()),
            text_of(acme_section()),
            text_of(tcp_section()),
            text_of(router_section()),
            text_of(router_tls_section()),
            text_of(domain_section()),
            text_of(middleware_section()),
            text_of(allow_list_section()),
            text_of(in_flight_section()),
            text_of(service_section()),
            text_of(weighted_section()),
            text_of(weighted_service_section()),
            text_of(load_balancer_section()),
            text_of(sent_proxy_section()),
            text_of(health_check_section()),
            text_of(server_section()),
            text_of(container_server_section()),
            text_of(servers_transport_section()),
            text_of(upstream_tls_section()),
            text_of(tls_section()),
            text_of(tls_options_section()),
            text_of(client_auth_section()),
            text_of(certificate_section()),
            text_of(stores_section()),
            text_of(store_section()),
            text_of(generated_certificate_section()),
            text_of(log_section()),
            text_of(access_log_section()),
            text_of(access_log_filters_section())};
}

}  // namespace mesh::config

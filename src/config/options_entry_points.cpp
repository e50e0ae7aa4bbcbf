#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

/// Beyond this a limit on the time protects from nothing.
constexpr std::chrono::milliseconds handshake_max = std::chrono::minutes{10};
constexpr std::chrono::milliseconds idle_max = std::chrono::hours{24 * 7};
constexpr std::chrono::milliseconds grace_max = std::chrono::hours{24};
/// What the process has for all of its entry points.
constexpr std::int64_t connections_max = 65'536;
constexpr std::int64_t handshakes_max = 4'096;

std::size_t read_count(const Field& field, std::int64_t max) {
    return static_cast<std::size_t>(field.integer(1, max));
}
/// A client that has begun to speak by then is not waiting for the server.
constexpr std::chrono::milliseconds server_first_max = std::chrono::minutes{1};

constexpr Option<EntryPointDraft> entry_point_options[] = {
    required<EntryPointDraft>(
        "address",
        "address",
        "`:443` for all IPv6 and IPv4 addresses, `192.0.2.1:443`, `[2001:db8::1]:443`. "
        "`/tcp` may follow.",
        [](const Field& field, EntryPointDraft& out) { out.address = field.text(); }),
    option<EntryPointDraft>(
        "reusePort",
        "boolean",
        "false",
        "Lets another process listen on the same address.",
        [](const Field& field, EntryPointDraft& out) { out.reuse_port = field.boolean(); }),
    option<EntryPointDraft>(
        "asDefault",
        "boolean",
        "false",
        "Makes this one of the entry points of routers that list none.",
        [](const Field& field, EntryPointDraft& out) { out.as_default = field.boolean(); }),
    option<EntryPointDraft>(
        "defaultServerName",
        "host name",
        "none",
        "What TLS clients count as asking for that send no server name.",
        [](const Field& field, EntryPointDraft& out) { out.default_server_name = field.text(); }),
    option<EntryPointDraft>(
        "onRemove",
        "keep, drain or close",
        "keep",
        on_remove_help,
        [](const Field& field, EntryPointDraft& out) { out.on_remove = read_on_remove(field); }),
    option<EntryPointDraft>(
        "tls",
        "section",
        "",
        "Fills in what the `tls` of this entry point's routers leaves out. A router without `tls` "
        "whose rule names a host gets it; others stay plain. One that passes TLS through takes "
        "nothing.",
        [](const Field& field, EntryPointDraft& out) {
            read_tls(field, entry_point_tls_section(), out.tls);
        }),
    option<EntryPointDraft>("transport",
                            "section",
                            "",
                            "Time limits.",
                            [](const Field& field, EntryPointDraft& out) {
                                decode_section(field, transport_section(), out);
                            }),
    option<EntryPointDraft>("maxConnections",
                            "number",
                            "what the process has",
                            "Connections open here at a time, 1 to 65536. More wait in the "
                            "system's queue.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.max_connections = read_count(field, connections_max);
                            }),
    option<EntryPointDraft>("maxConnectionsPerIP",
                            "number",
                            "none",
                            "Connections that one client may have open here, 1 to 65536: an IPv4 "
                            "address, or an IPv6 network of 64 bits. More are closed.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.max_connections_per_ip =
                                    read_count(field, connections_max);
                            }),
    option<EntryPointDraft>("maxHandshakes",
                            "number",
                            "what the process has",
                            "Connections that have not shown yet who they want, at a time, 1 to "
                            "4096. More wait in the system's queue.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.max_handshakes = read_count(field, handshakes_max);
                            }),
    option<EntryPointDraft>("proxyProtocol",
                            "section",
                            "",
                            "Which proxies in front of mesh may say for whom they speak, by a "
                            "PROXY header (version 1 or 2).",
                            [](const Field& field, EntryPointDraft& out) {
                                read_section(field, proxy_protocol_section(), out.proxy_protocol);
                            }),
    option<EntryPointDraft>("detect",
                            "section",
                            "",
                            "What clients that do not begin with TLS may be.",
                            [](const Field& field, EntryPointDraft& out) {
                                read_section(field, detection_section(), out.detect);
                            }),
    foreign<EntryPointDraft>("allowACMEByPass"),
    foreign<EntryPointDraft>("forwardedHeaders"),
    foreign<EntryPointDraft>("http"),
    foreign<EntryPointDraft>("http2"),
    foreign<EntryPointDraft>("http3"),
    foreign<EntryPointDraft>("observability"),
    foreign<EntryPointDraft>("udp"),
};
constexpr Section<EntryPointDraft> entry_point_entry{"entryPoints.<name>", entry_point_options};

constexpr Option<ProxyProtocolDraft> proxy_protocol_options[] = {
    option<ProxyProtocolDraft>(
        "trustedIPs",
        "list of addresses and networks",
        "none",
        "The proxies: `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. One that sends no header "
        "speaks "
        "for itself; a malformed header closes. From anybody else a header is not looked for.",
        [](const Field& field, ProxyProtocolDraft& out) { out.trusted_ips = field.texts(); }),
    option<ProxyProtocolDraft>(
        "insecure",
        "boolean",
        "false",
        "Believes everybody: each client can choose the address it is taken for.",
        [](const Field& field, ProxyProtocolDraft& out) { out.insecure = field.boolean(); }),
};
constexpr Section<ProxyProtocolDraft> proxy_protocol_entry{"entryPoints.<name>.proxyProtocol",
                                                           proxy_protocol_options};

constexpr Option<DetectionDraft> detection_options[] = {
    option<DetectionDraft>(
        "postgres",
        "boolean",
        "true",
        "Answers Postgres clients that ask for TLS in the clear, and routes what follows as TLS; "
        "see [Postgres](postgres.md). Only where there is a router with `tls`.",
        [](const Field& field, DetectionDraft& out) { out.postgres = field.boolean(); }),
    option<DetectionDraft>(
        "serverFirstTimeout",
        "duration",
        "off",
        "Where routers with and without `tls` share the entry point: a client that has sent "
        "nothing for so long goes to one without, so that protocols in which the server begins "
        "work. Less than `handshakeTimeout`, at most 1m; counted in steps of 250 ms.",
        [](const Field& field, DetectionDraft& out) {
            out.server_first_at = field.at();
            const std::size_t errors = field.problems().errors();
            const auto timeout = field.duration(server_first_max);
            if (field.problems().errors() == errors) out.server_first_timeout = timeout;
        }),
};
constexpr Section<DetectionDraft> detection_entry{"entryPoints.<name>.detect", detection_options};

constexpr Option<EntryPointDraft> transport_options[] = {
    option<EntryPointDraft>("lifeCycle",
                            "section",
                            "",
                            "What happens at the end.",
                            [](const Field& field, EntryPointDraft& out) {
                                decode_section(field, life_cycle_section(), out);
                            }),
    option<EntryPointDraft>("respondingTimeouts",
                            "section",
                            "",
                            "How long a client may take.",
                            [](const Field& field, EntryPointDraft& out) {
                                decode_section(field, responding_timeouts_section(), out);
                            }),
    foreign<EntryPointDraft>("keepAliveMaxRequests"),
    foreign<EntryPointDraft>("keepAliveMaxTime"),
};
constexpr Section<EntryPointDraft> transport_entry{"entryPoints.<name>.transport",
                                                   transport_options};

constexpr Option<EntryPointDraft> life_cycle_options[] = {
    option<EntryPointDraft>("graceTimeOut",
                            "duration",
                            "30s",
                            "When mesh is to stop: what established connections have to end by "
                            "themselves, before they are cut; at most 24h. The same for `onRemove: "
                            "drain`.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.grace = field.duration_or_zero(grace_max);
                            }),
    option<EntryPointDraft>("requestAcceptGraceTimeout",
                            "duration",
                            "0",
                            "When mesh is to stop: how long it goes on accepting before that, so "
                            "that load balancers notice; at most 24h.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.accept_grace = field.duration_or_zero(grace_max);
                            }),
};
constexpr Section<EntryPointDraft> life_cycle_entry{"entryPoints.<name>.transport.lifeCycle",
                                                    life_cycle_options};

constexpr Option<EntryPointDraft> responding_timeouts_options[] = {
    option<EntryPointDraft>("handshakeTimeout",
                            "duration",
                            "10s",
                            "From accept until TLS is established, whatever the client does "
                            "meanwhile; more than 0, at most 10m.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.handshake_timeout = field.duration(handshake_max);
                            }),
    option<EntryPointDraft>("idleTimeout",
                            "duration",
                            "0",
                            "Ends an established connection after as long without a byte in either "
                            "direction; at most 168h. 0: never.",
                            [](const Field& field, EntryPointDraft& out) {
                                out.limits.idle_timeout = field.duration_or_zero(idle_max);
                            }),
    foreign<EntryPointDraft>("readTimeout"),
    foreign<EntryPointDraft>("writeTimeout"),
};
constexpr Section<EntryPointDraft> responding_timeouts_entry{
    "entryPoints.<name>.transport.respondingTimeouts", responding_timeouts_options};

}  // namespace

const Section<EntryPointDraft>& entry_point_section() {
    return entry_point_entry;
}
const Section<ProxyProtocolDraft>& proxy_protocol_section() {
    return proxy_protocol_entry;
}
const Section<DetectionDraft>& detection_section() {
    return detection_entry;
}
const Section<EntryPointDraft>& transport_section() {
    return transport_entry;
}
const Section<EntryPointDraft>& life_cycle_section() {
    return life_cycle_entry;
}
const Section<EntryPointDraft>& responding_timeouts_section() {
    return responding_timeouts_entry;
}

}  // namespace mesh::config

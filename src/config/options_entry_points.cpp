#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

/// Beyond this a limit on the time protects from nothing.
constexpr std::chrono::milliseconds handshake_max = std::chrono::minutes{10};

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
    later<EntryPointDraft>("maxConnections"),
    later<EntryPointDraft>("maxConnectionsPerIP"),
    later<EntryPointDraft>("maxHandshakes"),
    later<EntryPointDraft>("proxyProtocol"),
    later<EntryPointDraft>("detect"),
    foreign<EntryPointDraft>("allowACMEByPass"),
    foreign<EntryPointDraft>("forwardedHeaders"),
    foreign<EntryPointDraft>("http"),
    foreign<EntryPointDraft>("http2"),
    foreign<EntryPointDraft>("http3"),
    foreign<EntryPointDraft>("observability"),
    foreign<EntryPointDraft>("udp"),
};
constexpr Section<EntryPointDraft> entry_point_entry{"entryPoints.<name>", entry_point_options};

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
    later<EntryPointDraft>("graceTimeOut"),
    later<EntryPointDraft>("requestAcceptGraceTimeout"),
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
    later<EntryPointDraft>("idleTimeout"),
    foreign<EntryPointDraft>("readTimeout"),
    foreign<EntryPointDraft>("writeTimeout"),
};
constexpr Section<EntryPointDraft> responding_timeouts_entry{
    "entryPoints.<name>.transport.respondingTimeouts", responding_timeouts_options};

}  // namespace

const Section<EntryPointDraft>& entry_point_section() {
    return entry_point_entry;
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

#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"

#include <algorithm>

namespace mesh::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr minutes dial_timeout_max{5};
/// What Linux takes for the time between keep-alive probes.
constexpr std::chrono::seconds keep_alive_max{32'767};
constexpr hours termination_delay_max{24 * 7};

/// Reports a value that is less than nothing, by which Traefik means something else.
bool is_negative(const Field& field, const char* message, const char* hint) {
    const Text given = field.text();
    if (given.unknown || !given.value.starts_with('-')) return false;
    field.problems().error(codes::bad_value, given.at, message, hint);
    return true;
}

std::chrono::milliseconds read_keep_alive(const Field& field) {
    if (is_negative(field,
                    "keep-alive cannot be turned off: nobody would notice that a server has gone",
                    "write a longer time, like 10m"))
        return keep_alive_max;
    return field.duration(keep_alive_max);
}

constexpr Option<ServersTransportDraft> servers_transport_options[] = {
    option<ServersTransportDraft>(
        "dialTimeout",
        "duration",
        "3s",
        "How long one address of a server may take until it is ready, TLS included; up to 5m. All "
        "servers together get 10s, or one such time if that is longer.",
        [](const Field& field, ServersTransportDraft& out) {
            out.dial_timeout = field.duration(dial_timeout_max);
        }),
    option<ServersTransportDraft>(
        "dialKeepAlive",
        "duration",
        "60s, then each 15s",
        "After how long without a byte, and how often then, a server's system is asked whether it "
        "is still there; four silences end the connection.",
        [](const Field& field, ServersTransportDraft& out) {
            out.dial_keep_alive = read_keep_alive(field);
        }),
    option<ServersTransportDraft>(
        "terminationDelay",
        "duration",
        "60s",
        "How long a connection that one side has ended may go without a byte; up to a week.",
        [](const Field& field, ServersTransportDraft& out) {
            out.termination_delay = read_termination_delay(field);
        }),
    option<ServersTransportDraft>("proxyProtocol",
                                  "section, as in `tcp.services.<name>.loadBalancer.proxyProtocol`",
                                  "",
                                  "Tells the servers who the client is, ahead of TLS.",
                                  [](const Field& field, ServersTransportDraft& out) {
                                      read_section(field, sent_proxy_section(), out.proxy_protocol);
                                  }),
    option<ServersTransportDraft>("tls",
                                  "section",
                                  "the system's CAs and the server's own name",
                                  "What counts for servers with `tls` or `startTLS`.",
                                  [](const Field& field, ServersTransportDraft& out) {
                                      read_section(field, upstream_tls_section(), out.tls);
                                  }),
};
constexpr Section<ServersTransportDraft> servers_transport_entry{"tcp.serversTransports.<name>",
                                                                 servers_transport_options};

constexpr const char* only_names =
    "a certificate is verified by name: write serverName, or rootCAs with a CA of those servers "
    "alone";
constexpr Option<UpstreamTlsDraft> upstream_tls_options[] = {
    option<UpstreamTlsDraft>(
        "serverName",
        "host name or IP address",
        "the host of the server's `address`",
        "Whom the servers' certificates must be for. A host name is sent to the server too (SNI).",
        [](const Field& field, UpstreamTlsDraft& out) {
            if (field.kind() == NodeKind::null) return;
            Text text = field.text();
            if (text.unknown || !text.value.empty()) out.server_name = std::move(text);
        }),
    option<UpstreamTlsDraft>(
        "rootCAs",
        "list of paths",
        "the system's CAs",
        "PEM files with the CAs that servers' certificates must come from, instead of the "
        "system's. A server's own certificate will do.",
        [](const Field& field, UpstreamTlsDraft& out) { out.root_cas = field.some_texts(); }),
    option<UpstreamTlsDraft>("certificates",
                             "list of sections, as in `tls.certificates[]`",
                             "none",
                             "What mesh shows to servers that ask for a certificate; one at most.",
                             [](const Field& field, UpstreamTlsDraft& out) {
                                 read_list(field, certificate_section(), out.certificates);
                             }),
    option<UpstreamTlsDraft>("insecureSkipVerify",
                             "boolean",
                             "false",
                             "Takes any certificate, of anybody who is in the way. For tests.",
                             [](const Field& field, UpstreamTlsDraft& out) {
                                 out.insecure_skip_verify = field.boolean();
                             }),
    refused<UpstreamTlsDraft>("peerCertURI", only_names),
    refused<UpstreamTlsDraft>("peerCertSANs", only_names),
    refused<UpstreamTlsDraft>("spiffe", only_names),
};
constexpr Section<UpstreamTlsDraft> upstream_tls_entry{"tcp.serversTransports.<name>.tls",
                                                       upstream_tls_options};

}  // namespace

std::chrono::milliseconds read_termination_delay(const Field& field) {
    if (is_negative(field,
                    "mesh ends every connection that only one side has ended, in the end",
                    "write a long time, like 24h"))
        return termination_delay_max;
    return field.duration(termination_delay_max);
}

std::chrono::milliseconds read_service_termination_delay(const Field& field) {
    const Text given = field.text();
    const bool is_bare =
        !given.value.empty() && std::all_of(given.value.begin(), given.value.end(), [](char c) {
            return c >= '0' && c <= '9';
        });
    if (given.unknown || !is_bare) return read_termination_delay(field);
    field.problems().error(codes::bad_value,
                           given.at,
                           "a number without a unit, which means milliseconds to Traefik here and "
                           "seconds to mesh elsewhere",
                           "write 100ms or 100s");
    return termination_delay_max;
}

const Section<ServersTransportDraft>& servers_transport_section() {
    return servers_transport_entry;
}
const Section<UpstreamTlsDraft>& upstream_tls_section() {
    return upstream_tls_entry;
}

}  // namespace mesh::config

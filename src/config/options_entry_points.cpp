#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

constexpr Option<EntryPointDraft> options[] = {
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
        "onRemove",
        "keep, drain or close",
        "keep",
        on_remove_help,
        [](const Field& field, EntryPointDraft& out) { out.on_remove = read_on_remove(field); }),
    later<EntryPointDraft>("asDefault"),
    later<EntryPointDraft>("maxConnections"),
    later<EntryPointDraft>("maxConnectionsPerIP"),
    later<EntryPointDraft>("maxHandshakes"),
    later<EntryPointDraft>("defaultServerName"),
    later<EntryPointDraft>("proxyProtocol"),
    later<EntryPointDraft>("transport"),
    later<EntryPointDraft>("detect"),
    later<EntryPointDraft>("tls"),
    foreign<EntryPointDraft>("allowACMEByPass"),
    foreign<EntryPointDraft>("forwardedHeaders"),
    foreign<EntryPointDraft>("http"),
    foreign<EntryPointDraft>("http2"),
    foreign<EntryPointDraft>("http3"),
    foreign<EntryPointDraft>("observability"),
    foreign<EntryPointDraft>("udp"),
};
constexpr Section<EntryPointDraft> section{"entryPoints.<name>", options};

}  // namespace

const Section<EntryPointDraft>& entry_point_section() {
    return section;
}

}  // namespace mesh::config

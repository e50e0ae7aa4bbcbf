#include "base/duration.hpp"
#include "base/idn.hpp"
#include "config/address.hpp"
#include "config/codes.hpp"
#include "config/resolve.hpp"

#include <utility>

namespace mesh::config {
namespace {

constexpr const char* how_to_write_listener =
    "write it like \":443\", \"192.0.2.1:443\" or \"[2001:db8::1]:443\"";

/// What `handshakeTimeout` is where nothing is said (docs/configuration.md).
constexpr std::chrono::milliseconds default_handshake_timeout = std::chrono::seconds{10};

/// Which sockets a wildcard address takes: ":443" is both families.
bool takes_all_ipv4(const std::string& host) {
    return host.empty() || host == "0.0.0.0";
}
bool takes_all_ipv6(const std::string& host) {
    return host.empty() || host == "::";
}

bool conflict(const model::ListenAddress& a, const model::ListenAddress& b) {
    if (a.port != b.port) return false;
    return a.host == b.host || (takes_all_ipv4(a.host) && takes_all_ipv4(b.host)) ||
           (takes_all_ipv6(a.host) && takes_all_ipv6(b.host));
}

void report_conflicts(Resolution& resolution, const model::EntryPoint& entry_point) {
    for (const auto& [name, other] : resolution.out.entry_points) {
        if (!conflict(entry_point.address, other.address)) continue;
        const Text& address = *resolution.draft().entry_points.at(entry_point.name).address;
        const std::string where = address.hidden ? "on the same address as"
                                                 : "on " + entry_point.address.text() + ", as does";
        resolution.problems().error(codes::address_in_use,
                                    address.at,
                                    "this entry point listens " + where + " \"" + name +
                                        "\" in line " + std::to_string(other.at.line));
        return;
    }
}

std::optional<Hostname> server_name_of(Resolution& resolution, const EntryPointDraft& draft) {
    const auto& text = draft.default_server_name;
    if (!text || text->unknown) return std::nullopt;
    const auto name = parse_written_name(text->value);
    if (name && !name->is_wildcard()) return name->name();
    resolution.problems().error(codes::bad_value,
                                text->at,
                                shown(*text) + " is not a host name",
                                "write it like shop.example");
    return std::nullopt;
}

model::ProxyProtocol proxy_protocol_of(Resolution& resolution, const EntryPointDraft& draft) {
    if (!draft.proxy_protocol) return {};
    const ProxyProtocolDraft& written = *draft.proxy_protocol;
    model::ProxyProtocol out{written.insecure, resolve_networks(resolution, written.trusted_ips)};
    if (!written.insecure && written.trusted_ips.empty())
        resolution.problems().warning(codes::proxy_trust,
                                      written.at,
                                      "no proxy is trusted, so no PROXY header is looked for",
                                      "name the proxies: trustedIPs: [\"192.0.2.0/24\"]");
    if (written.insecure && !written.trusted_ips.empty())
        resolution.problems().warning(codes::proxy_trust,
                                      written.at,
                                      "insecure believes everybody, whatever trustedIPs lists",
                                      "leave insecure out");
    return out;
}

model::Detection detection_of(Resolution& resolution, const EntryPointDraft& draft) {
    if (!draft.detect) return {};
    model::Detection out{draft.detect->postgres, draft.detect->server_first_timeout};
    const auto handshake = draft.limits.handshake_timeout.value_or(default_handshake_timeout);
    if (out.server_first_timeout && *out.server_first_timeout >= handshake)
        resolution.problems().error(codes::bad_value,
                                    draft.detect->server_first_at,
                                    "a client is closed before it has been silent for so long: "
                                    "handshakeTimeout is " +
                                        describe(handshake),
                                    "write less, like 2s, or raise handshakeTimeout");
    return out;
}

}  // namespace

void resolve_entry_points(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().entry_points) {
        if (!draft.address || draft.address->unknown) continue;
        auto address = parse_listen_address(draft.address->value);
        if (!address) {
            resolution.problems().error(
                codes::bad_value,
                draft.address->at,
                shown(*draft.address) +
                    " is not an address to listen on: " + address.error().message,
                how_to_write_listener);
            continue;
        }
        model::EntryPoint entry_point{
            name, {std::move(address->host), address->port}, draft.reuse_port, draft.at};
        entry_point.limits = draft.limits;
        entry_point.default_server_name = server_name_of(resolution, draft);
        entry_point.on_remove = draft.on_remove;
        entry_point.proxy_protocol = proxy_protocol_of(resolution, draft);
        entry_point.detect = detection_of(resolution, draft);
        report_conflicts(resolution, entry_point);
        resolution.out.entry_points.emplace(name, std::move(entry_point));
    }
    if (!resolution.draft().entry_points.empty() || !resolution.draft().entry_points_expected)
        return;
    model::Location file;
    file.file = resolution.source().file;
    resolution.problems().error(codes::missing,
                                file,
                                "there is no entry point, so mesh would listen nowhere",
                                "add entryPoints: { websecure: { address: \":443\" } }");
}

}  // namespace mesh::config

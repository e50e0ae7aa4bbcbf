#include "base/hostname.hpp"
#include "config/address.hpp"
#include "config/codes.hpp"
#include "config/resolve.hpp"

#include <utility>

namespace mesh::config {
namespace {

std::string resolve_server_name(Resolution& resolution, const Text& given) {
    if (given.unknown) return {};
    if (auto ip = canonical_ip(given.value)) return *ip;
    if (const auto name = Hostname::parse(given.value)) return name->text();
    resolution.problems().error(codes::bad_value,
                                given.at,
                                shown(given) + " is no host name and no IP address",
                                "write it as it stands in the certificate: db.internal");
    return {};
}

std::optional<model::CertificateFile> resolve_own_certificate(
    Resolution& resolution, const std::vector<CertificateDraft>& drafts) {
    if (drafts.empty()) return std::nullopt;
    if (drafts.size() > 1)
        resolution.problems().error(codes::bad_value,
                                    drafts[1].at,
                                    "mesh shows one certificate to these servers",
                                    "give the others a servers transport of their own");
    const CertificateDraft& draft = drafts.front();
    if (!draft.cert_file || !draft.key_file) return std::nullopt;
    return model::CertificateFile{resolution.readable_file(*draft.cert_file, false),
                                  resolution.readable_file(*draft.key_file, true),
                                  draft.at};
}

model::UpstreamTls resolve_upstream_tls(Resolution& resolution, const UpstreamTlsDraft& draft) {
    model::UpstreamTls tls;
    tls.insecure_skip_verify = draft.insecure_skip_verify;
    if (draft.server_name) tls.server_name = resolve_server_name(resolution, *draft.server_name);
    for (const Text& file : draft.root_cas)
        tls.root_cas.push_back(resolution.readable_file(file, false));
    if (draft.insecure_skip_verify && !draft.root_cas.empty())
        resolution.problems().error(codes::bad_value,
                                    draft.at,
                                    "insecureSkipVerify takes any certificate, whatever rootCAs "
                                    "lists",
                                    "leave insecureSkipVerify out");
    else if (draft.insecure_skip_verify)
        resolution.problems().warning(codes::upstream_unverified,
                                      draft.at,
                                      "insecureSkipVerify takes any certificate: whoever stands "
                                      "between mesh and these servers reads all",
                                      "list the servers' CA in rootCAs");
    tls.certificate = resolve_own_certificate(resolution, draft.certificates);
    return tls;
}

}  // namespace

void resolve_servers_transports(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().tcp.servers_transports) {
        model::ServersTransport transport;
        transport.name = name;
        transport.at = draft.at;
        transport.dial_timeout = draft.dial_timeout;
        transport.dial_keep_alive = draft.dial_keep_alive;
        transport.termination_delay = draft.termination_delay;
        if (draft.proxy_protocol) transport.proxy_protocol = draft.proxy_protocol->version;
        transport.has_tls = draft.tls.has_value();
        if (draft.tls) transport.tls = resolve_upstream_tls(resolution, *draft.tls);
        resolution.out.servers_transports.emplace(name, std::move(transport));
    }
}

}  // namespace mesh::config

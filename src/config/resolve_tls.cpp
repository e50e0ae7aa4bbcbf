#include "config/codes.hpp"
#include "config/orderable.hpp"
#include "config/resolve.hpp"

#include <set>
#include <utility>

namespace mesh::config {
namespace {

using model::ClientAuthType;

constexpr const char* default_options = "default";
/// RFC 7301 §3.1: a protocol name is 1 to 255 bytes.
constexpr std::size_t protocol_size_max = 255;
/// What still fits into a sensible ServerHello configuration.
constexpr std::size_t protocols_max = 32;

bool verifies(ClientAuthType type) {
    return type == ClientAuthType::verify_client_cert_if_given ||
           type == ClientAuthType::require_and_verify_client_cert;
}

void check_versions(Resolution& resolution, const TlsOptionsDraft& draft) {
    if (draft.min_version <= draft.max_version) return;
    resolution.problems().error(
        codes::bad_value, draft.at, "minVersion is newer than maxVersion: no client could connect");
}

std::vector<std::string> resolve_protocols(Resolution& resolution, const TlsOptionsDraft& draft) {
    std::vector<std::string> protocols;
    std::set<std::string> seen;
    for (const Text& text : draft.alpn_protocols) {
        const auto refuse = [&](std::string message, std::string hint) {
            resolution.problems().error(
                codes::bad_value, text.at, std::move(message), std::move(hint));
        };
        if (text.value.empty() || text.value.size() > protocol_size_max) {
            refuse("the name of a protocol has 1 to 255 bytes", {});
        } else if (text.value == "acme-tls/1") {
            refuse("acme-tls/1 is not a protocol to offer",
                   "leave it out: mesh answers validations by itself");
        } else if (!seen.insert(text.value).second) {
            refuse("the protocol stands twice in the list", {});
        } else if (protocols.size() == protocols_max) {
            refuse("more than " + std::to_string(protocols_max) + " protocols", {});
            break;
        } else {
            protocols.push_back(text.value);
        }
    }
    return protocols;
}

model::ClientAuth resolve_client_auth(Resolution& resolution, const ClientAuthDraft& draft) {
    model::ClientAuth auth;
    for (const Text& file : draft.ca_files)
        auth.ca_files.push_back(resolution.readable_file(file, false));
    const auto by_default = draft.ca_files_given ? ClientAuthType::require_and_verify_client_cert
                                                 : ClientAuthType::no_client_cert;
    auth.type = draft.type.value_or(by_default);
    if (verifies(auth.type) && !draft.ca_files_given)
        resolution.problems().error(codes::missing,
                                    draft.at,
                                    "this clientAuthType verifies certificates, but there are no "
                                    "caFiles to verify them against");
    return auth;
}

model::TlsOptions resolve_options(Resolution& resolution,
                                  const std::string& name,
                                  const TlsOptionsDraft& draft) {
    check_versions(resolution, draft);
    model::TlsOptions options;
    options.name = name;
    options.min_version = draft.min_version;
    options.max_version = draft.max_version;
    options.cipher_suites = resolve_cipher_suites(resolution, draft);
    options.curve_preferences = resolve_curves(resolution, draft);
    options.session_tickets = draft.session_tickets;
    options.sni_strict = draft.sni_strict;
    options.on_missing_certificate = draft.on_missing_certificate;
    options.alpn_protocols = resolve_protocols(resolution, draft);
    options.client_auth = resolve_client_auth(resolution, draft.client_auth);
    options.at = draft.at;
    return options;
}

std::optional<model::CertificateFile> resolve_certificate(Resolution& resolution,
                                                          const CertificateDraft& draft) {
    if (!draft.cert_file || !draft.key_file) return std::nullopt;
    model::CertificateFile file;
    file.cert_file = resolution.readable_file(*draft.cert_file, false);
    file.key_file = resolution.readable_file(*draft.key_file, true);
    file.at = draft.at;
    return file;
}

void resolve_generated(Resolution& resolution, const GeneratedCertificateDraft& draft) {
    WantedNames names;
    std::optional<model::Domain> domain;
    if (draft.domain) domain = resolve_domain(resolution, *draft.domain, names);
    if (!draft.resolver || draft.resolver->unknown) return;
    const auto resolver = resolution.out.resolvers.find(draft.resolver->value);
    if (resolver == resolution.out.resolvers.end()) {
        if (!resolution.draft().resolvers.contains(draft.resolver->value))
            resolution.report_unknown(*draft.resolver, "resolver", resolution.draft().resolvers);
        return;
    }
    check_orderable(resolution, names, resolver->second);
    if (resolution.draft().tls.stores.default_store.default_certificate)
        resolution.problems().warning(codes::generated_unused,
                                      draft.at,
                                      "\"defaultGeneratedCert\" has no effect beside "
                                      "\"defaultCertificate\": nothing is ordered");
    else if (domain)
        resolution.out.generated_default =
            model::GeneratedCertificate{draft.resolver->value, std::move(*domain), draft.at};
}

}  // namespace

void resolve_tls(Resolution& resolution) {
    const TlsDraft& draft = resolution.draft().tls;
    for (const auto& [name, options] : draft.options)
        resolution.out.tls_options.emplace(name, resolve_options(resolution, name, options));
    if (!resolution.out.tls_options.contains(default_options))
        resolution.out.tls_options[default_options].name = default_options;

    for (const CertificateDraft& certificate : draft.certificates)
        if (auto file = resolve_certificate(resolution, certificate))
            resolution.out.certificates.push_back(std::move(*file));
    const StoreDraft& store = draft.stores.default_store;
    if (store.default_certificate)
        resolution.out.default_certificate =
            resolve_certificate(resolution, *store.default_certificate);
    if (!store.generated) return;
    const Problems::Concerning concerning(
        resolution.problems(),
        store.generated->units.empty() ? std::string() : std::string(generated_default_path));
    resolve_generated(resolution, *store.generated);
}

}  // namespace mesh::config

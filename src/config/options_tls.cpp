#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

constexpr Choice<model::TlsVersion> versions[] = {
    {"VersionTLS12", model::TlsVersion::tls12},
    {"VersionTLS13", model::TlsVersion::tls13},
};

// Deprecated (RFC 8996), and refused by Debian's OpenSSL as it is configured.
constexpr RefusedWord old_versions[] = {
    {"VersionTLS10", "mesh speaks TLS 1.2 and 1.3 only", "write VersionTLS12"},
    {"VersionTLS11", "mesh speaks TLS 1.2 and 1.3 only", "write VersionTLS12"},
};

constexpr Choice<model::ClientAuthType> client_auth_types[] = {
    {"NoClientCert", model::ClientAuthType::no_client_cert},
    {"RequestClientCert", model::ClientAuthType::request_client_cert},
    {"RequireAnyClientCert", model::ClientAuthType::require_any_client_cert},
    {"VerifyClientCertIfGiven", model::ClientAuthType::verify_client_cert_if_given},
    {"RequireAndVerifyClientCert", model::ClientAuthType::require_and_verify_client_cert},
};

constexpr Choice<model::OnMissingCertificate> on_missing[] = {
    {"refuse", model::OnMissingCertificate::refuse},
    {"default", model::OnMissingCertificate::use_default},
};

constexpr Option<TlsDraft> tls_options[] = {
    option<TlsDraft>("options",
                     "map",
                     "",
                     "Named sets of TLS parameters. The one named `default` applies to routers "
                     "that name none.",
                     [](const Field& field, TlsDraft& out) {
                         read_named(
                             field, "set of TLS options", tls_options_section(), out.options);
                     }),
    option<TlsDraft>("certificates",
                     "list of sections",
                     "none",
                     "Certificates from files, beside those of resolvers.",
                     [](const Field& field, TlsDraft& out) {
                         read_list(field, certificate_section(), out.certificates);
                     }),
    option<TlsDraft>("stores",
                     "section",
                     "",
                     "There is one store, `default`.",
                     [](const Field& field, TlsDraft& out) {
                         decode_section(field, stores_section(), out.stores);
                     }),
};
constexpr Section<TlsDraft> tls_entry{"tls", tls_options};

/// An empty list counts as none, which is the opposite of what it looks like, and is reported.
void read_names(const Field& field, NamesDraft& out) {
    const std::size_t errors_before = field.problems().errors();
    out.at = field.key_at();
    out.names = field.some_texts();
    const bool all_known = field.kind() != NodeKind::list || out.names.size() == field.size();
    out.given = all_known && field.problems().errors() == errors_before;
}

constexpr Option<TlsOptionsDraft> options_options[] = {
    option<TlsOptionsDraft>("minVersion",
                            "VersionTLS12 or VersionTLS13",
                            "VersionTLS12",
                            "The oldest TLS version a client may use.",
                            [](const Field& field, TlsOptionsDraft& out) {
                                out.min_version = field.choice(versions, old_versions);
                            }),
    option<TlsOptionsDraft>("maxVersion",
                            "VersionTLS12 or VersionTLS13",
                            "VersionTLS13",
                            "The newest TLS version a client may use.",
                            [](const Field& field, TlsOptionsDraft& out) {
                                out.max_version = field.choice(versions, old_versions);
                            }),
    option<TlsOptionsDraft>(
        "sniStrict",
        "boolean",
        "false",
        "Refuses a client for whose server name there is no certificate, instead of presenting "
        "the default one.",
        [](const Field& field, TlsOptionsDraft& out) { out.sni_strict = field.boolean(); }),
    option<TlsOptionsDraft>(
        "onMissingCertificate",
        "refuse or default",
        "refuse on routers with a resolver, default on others",
        "What happens while a name has no certificate: refuse the client, or present the default "
        "certificate.",
        [](const Field& field, TlsOptionsDraft& out) {
            out.on_missing_certificate = field.choice(on_missing);
        }),
    option<TlsOptionsDraft>(
        "alpnProtocols",
        "list of protocols",
        "any client is accepted, nothing is selected",
        "The application protocols (RFC 7301) to select from, best first; a client that offers "
        "only others is refused.",
        [](const Field& field, TlsOptionsDraft& out) { out.alpn_protocols = field.texts(); }),
    option<TlsOptionsDraft>("clientAuth",
                            "section",
                            "",
                            "Certificates of clients (mutual TLS).",
                            [](const Field& field, TlsOptionsDraft& out) {
                                out.client_auth.at = field.key_at();
                                decode_section(field, client_auth_section(), out.client_auth);
                            }),
    option<TlsOptionsDraft>(
        "cipherSuites",
        "list of cipher suites",
        "Mozilla's intermediate profile",
        "The only suites to use, by their IANA names (`TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`). "
        "Without one of TLS 1.3 among them, that version keeps its own three. The client's order "
        "counts.",
        [](const Field& field, TlsOptionsDraft& out) { read_names(field, out.cipher_suites); }),
    option<TlsOptionsDraft>(
        "curvePreferences",
        "list of curves",
        "X25519MLKEM768 (where OpenSSL has it), X25519, CurveP256, CurveP384",
        "The only key exchange groups to use: those, `CurveP521`, `SecP256r1MLKEM768`, "
        "`SecP384r1MLKEM1024`; IANA's spellings (`secp256r1`) too. The client's order counts.",
        [](const Field& field, TlsOptionsDraft& out) { read_names(field, out.curve_preferences); }),
    option<TlsOptionsDraft>(
        "disableSessionTickets",
        "boolean",
        "false",
        "Lets no client resume a session: each handshake is a whole one.",
        [](const Field& field, TlsOptionsDraft& out) { out.session_tickets = !field.boolean(); }),
    foreign<TlsOptionsDraft>("preferServerCipherSuites"),
};
constexpr Section<TlsOptionsDraft> tls_options_entry{"tls.options.<name>", options_options};

constexpr Option<ClientAuthDraft> client_auth_options[] = {
    option<ClientAuthDraft>("caFiles",
                            "list of paths",
                            "none",
                            "PEM files with the CAs that client certificates must come from.",
                            [](const Field& field, ClientAuthDraft& out) {
                                out.ca_files_given = true;
                                out.ca_files = field.some_texts();
                            }),
    option<ClientAuthDraft>(
        "clientAuthType",
        "NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or "
        "RequireAndVerifyClientCert",
        "NoClientCert; RequireAndVerifyClientCert when there are caFiles",
        "What is asked of a client. The two that verify need `caFiles`.",
        [](const Field& field, ClientAuthDraft& out) {
            out.type = field.choice(client_auth_types);
        }),
};
constexpr Section<ClientAuthDraft> client_auth_entry{"tls.options.<name>.clientAuth",
                                                     client_auth_options};

constexpr Option<CertificateDraft> certificate_options[] = {
    required<CertificateDraft>(
        "certFile",
        "path",
        "The certificate and its chain, PEM.",
        [](const Field& field, CertificateDraft& out) { out.cert_file = field.text(); }),
    required<CertificateDraft>(
        "keyFile",
        "path",
        "Its private key, PEM.",
        [](const Field& field, CertificateDraft& out) { out.key_file = field.text(); }),
    foreign<CertificateDraft>("stores"),
};
constexpr Section<CertificateDraft> certificate_entry{"tls.certificates[]", certificate_options};

constexpr Option<StoresDraft> stores_options[] = {
    option<StoresDraft>("default",
                        "section",
                        "",
                        "The one store.",
                        [](const Field& field, StoresDraft& out) {
                            decode_section(field, store_section(), out.default_store);
                        }),
};
constexpr Section<StoresDraft> stores_entry{"tls.stores", stores_options};

constexpr Option<StoreDraft> store_options[] = {
    option<StoreDraft>("defaultCertificate",
                       "section, as in `tls.certificates[]`",
                       "a self-signed certificate, made at the start",
                       "What clients get that no other certificate fits.",
                       [](const Field& field, StoreDraft& out) {
                           read_section(field, certificate_section(), out.default_certificate);
                       }),
    option<StoreDraft>(
        "defaultGeneratedCert",
        "section",
        "",
        "A certificate to order for the same purpose. Until it is there, the self-signed one is "
        "presented.",
        [](const Field& field, StoreDraft& out) {
            read_section(field, generated_certificate_section(), out.generated);
        }),
};
constexpr Section<StoreDraft> store_entry{"tls.stores.default", store_options};

constexpr Option<GeneratedCertificateDraft> generated_options[] = {
    required<GeneratedCertificateDraft>(
        "resolver",
        "name",
        "The resolver that gets and renews it.",
        [](const Field& field, GeneratedCertificateDraft& out) { out.resolver = field.text(); }),
    required<GeneratedCertificateDraft>("domain",
                                        "section, as in `tcp.routers.<name>.tls.domains[]`",
                                        "Its names: `main` and `sans`.",
                                        [](const Field& field, GeneratedCertificateDraft& out) {
                                            read_section(field, domain_section(), out.domain);
                                        }),
};
constexpr Section<GeneratedCertificateDraft> generated_entry{
    "tls.stores.default.defaultGeneratedCert", generated_options};

}  // namespace

const Section<TlsDraft>& tls_section() {
    return tls_entry;
}
const Section<TlsOptionsDraft>& tls_options_section() {
    return tls_options_entry;
}
const Section<ClientAuthDraft>& client_auth_section() {
    return client_auth_entry;
}
const Section<CertificateDraft>& certificate_section() {
    return certificate_entry;
}
const Section<StoresDraft>& stores_section() {
    return stores_entry;
}
const Section<GeneratedCertificateDraft>& generated_certificate_section() {
    return generated_entry;
}
const Section<StoreDraft>& store_section() {
    return store_entry;
}

}  // namespace mesh::config

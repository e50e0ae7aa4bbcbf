#include "base/ascii.hpp"
#include "config/codes.hpp"
#include "config/options.hpp"
#include "config/reading.hpp"

namespace mesh::config {
namespace {

using std::chrono::milliseconds;

/// Longer than any CA takes to answer; an order holds no other one up meanwhile.
constexpr milliseconds client_timeout_max = std::chrono::minutes{10};

constexpr Choice<model::KeyType> key_types[] = {
    {"EC256", model::KeyType::ec256},
    {"EC384", model::KeyType::ec384},
    {"RSA2048", model::KeyType::rsa2048},
    {"RSA4096", model::KeyType::rsa4096},
};

constexpr RefusedWord large_keys[] = {
    {"RSA8192", "keys of 8192 bits are not supported", "write RSA4096"},
};

void read_tls_challenge(const Field& field, AcmeDraft& out) {
    out.tls_challenge = true;
    if (!field.is_section()) return;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const Field entry = field.entry(i, field.key(i));
        if (equal_ignoring_case(field.key(i), "delay"))
            field.problems().warning(
                codes::ignored,
                entry.key_at(),
                "\"delay\" is an option of Traefik that mesh does not have; it is ignored");
        else
            field.problems().error(codes::unknown_option,
                                   entry.key_at(),
                                   "tlsChallenge has no options",
                                   "write tlsChallenge: {}");
    }
}

/// What cannot be read must not count as "no": that would bring a second complaint.
void read_system_pool(const Field& field, AcmeDraft& out) {
    const std::size_t errors_before = field.problems().errors();
    const bool given = field.boolean();
    if (field.problems().errors() == errors_before) out.ca_system_pool = given;
}

/// Refused by name, but it is a challenge: no second complaint that there is none.
void note_other_challenge(const Field&, AcmeDraft& out) {
    out.other_challenge = true;
}

constexpr std::string_view use_tls_challenge = "use tlsChallenge: {}";

constexpr Option<ResolverDraft> resolver_options[] = {
    required<ResolverDraft>("acme",
                            "section",
                            "The CA, spoken to over ACME (RFC 8555).",
                            [](const Field& field, ResolverDraft& out) {
                                read_section(field, acme_section(), out.acme);
                            }),
    foreign<ResolverDraft>("tailscale"),
};
constexpr Section<ResolverDraft> resolver_entry{"certificatesResolvers.<name>", resolver_options};

constexpr Option<AcmeDraft> acme_options[] = {
    option<AcmeDraft>("email",
                      "text",
                      "none",
                      "Where the CA may write to. Optional.",
                      [](const Field& field, AcmeDraft& out) { out.email = field.text(); }),
    option<AcmeDraft>("caServer",
                      "https URL, letsencrypt or letsencrypt-staging",
                      "letsencrypt",
                      "The CA's directory.",
                      [](const Field& field, AcmeDraft& out) { out.ca_server = field.text(); }),
    option<AcmeDraft>(
        "caCertificates",
        "list of paths",
        "none",
        "PEM files with certificates to trust when speaking to the CA, beside the system's.",
        [](const Field& field, AcmeDraft& out) { out.ca_certificates = field.texts(); }),
    option<AcmeDraft>(
        "caSystemCertPool",
        "boolean",
        "true",
        "Whether the certificates that the system trusts are trusted too when speaking to the CA. "
        "`false` leaves `caCertificates` alone.",
        read_system_pool),
    option<AcmeDraft>(
        "storage",
        "path",
        "mesh.db",
        "The store for accounts, keys and certificates. All resolvers share one. A relative path "
        "starts at `$STATE_DIRECTORY` when it is set, else at the file's folder.",
        [](const Field& field, AcmeDraft& out) { out.storage = field.text(); }),
    option<AcmeDraft>("keyType",
                      "EC256, EC384, RSA2048 or RSA4096",
                      "EC256",
                      "The key of each certificate. A change applies from the next renewal on.",
                      [](const Field& field, AcmeDraft& out) {
                          out.key_type = field.choice(key_types, large_keys);
                      }),
    option<AcmeDraft>("profile",
                      "text",
                      "the CA's default",
                      "The certificate profile to ask the CA for.",
                      [](const Field& field, AcmeDraft& out) { out.profile = field.text(); }),
    option<AcmeDraft>(
        "preferredChain",
        "text",
        "the chain the CA offers first",
        "Common name of the root that the chain should end in, where the CA offers several. When "
        "none does, the first one is taken. A change applies from the next renewal on.",
        [](const Field& field, AcmeDraft& out) { out.preferred_chain = field.text(); }),
    option<AcmeDraft>(
        "tlsChallenge",
        "empty section",
        "",
        "`tlsChallenge: {}` proves control of a name by TLS-ALPN-01 (RFC 8737) on mesh's own "
        "listeners.",
        read_tls_challenge),
    option<AcmeDraft>(
        "allowedDomains",
        "list of names",
        "any name",
        "The only names this resolver may order: `shop.example`, or `*.shop.example` for the "
        "names one label below (and the wildcard itself).",
        [](const Field& field, AcmeDraft& out) { out.allowed_domains = field.some_texts(); }),
    option<AcmeDraft>("clientTimeout",
                      "duration",
                      "30s",
                      "For one request to the CA; more than 0, at most 10m.",
                      [](const Field& field, AcmeDraft& out) {
                          out.client_timeout = field.duration(client_timeout_max);
                      }),
    later<AcmeDraft>("httpChallenge", use_tls_challenge, note_other_challenge),
    later<AcmeDraft>("dnsChallenge", use_tls_challenge, note_other_challenge),
    later<AcmeDraft>("eab"),
    later<AcmeDraft>("fallback"),
    foreign<AcmeDraft>("caServerName"),
    foreign<AcmeDraft>("certificateTimeout"),
    foreign<AcmeDraft>("certificatesDuration"),
    foreign<AcmeDraft>("clientResponseHeaderTimeout"),
    foreign<AcmeDraft>("disableCommonName"),
    foreign<AcmeDraft>("emailAddresses"),
};
constexpr Section<AcmeDraft> acme_entry{"certificatesResolvers.<name>.acme", acme_options};

}  // namespace

const Section<ResolverDraft>& resolver_section() {
    return resolver_entry;
}

const Section<AcmeDraft>& acme_section() {
    return acme_entry;
}

}  // namespace mesh::config

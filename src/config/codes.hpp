#pragma once
#include <span>
#include <string_view>

/// What the `code` of a finding can be. Scripts match them, so a code never changes its meaning.
namespace mesh::config::codes {

// The file as text
inline constexpr std::string_view unreadable = "unreadable";
inline constexpr std::string_view encoding = "encoding";
inline constexpr std::string_view syntax = "syntax";
inline constexpr std::string_view limit = "limit";
inline constexpr std::string_view duplicate = "duplicate";
// Options
inline constexpr std::string_view unknown_option = "unknown-option";
inline constexpr std::string_view unsupported = "unsupported";
inline constexpr std::string_view ignored = "ignored";
inline constexpr std::string_view missing = "missing";
inline constexpr std::string_view wrong_kind = "wrong-kind";
inline constexpr std::string_view bad_value = "bad-value";
inline constexpr std::string_view bad_name = "bad-name";
inline constexpr std::string_view empty_section = "empty-section";
// Substitution
inline constexpr std::string_view bad_substitution = "bad-substitution";
inline constexpr std::string_view unset_variable = "unset-variable";
// Meaning
inline constexpr std::string_view unknown_reference = "unknown-reference";
inline constexpr std::string_view address_in_use = "address-in-use";
inline constexpr std::string_view file_missing = "file-missing";
inline constexpr std::string_view certificate_file = "certificate-file";
inline constexpr std::string_view storage_conflict = "storage-conflict";
inline constexpr std::string_view resolver_conflict = "resolver-conflict";
inline constexpr std::string_view no_challenge = "no-challenge";
inline constexpr std::string_view bad_rule = "bad-rule";
inline constexpr std::string_view rule_needs_tls = "rule-needs-tls";
inline constexpr std::string_view options_need_host = "options-need-host";
inline constexpr std::string_view wildcard_needs_dns = "wildcard-needs-dns";
inline constexpr std::string_view name_not_public = "name-not-public";
inline constexpr std::string_view name_not_allowed = "name-not-allowed";
inline constexpr std::string_view too_many_names = "too-many-names";
inline constexpr std::string_view needs_restart = "needs-restart";
inline constexpr std::string_view server_unresolved = "server-unresolved";
inline constexpr std::string_view cannot_bind = "cannot-bind";
inline constexpr std::string_view store_failed = "store-failed";
inline constexpr std::string_view log_file = "log-file";
inline constexpr std::string_view misplaced = "misplaced";
// Advice
inline constexpr std::string_view certificate_expired = "certificate-expired";
inline constexpr std::string_view passthrough_resolver = "passthrough-resolver";
inline constexpr std::string_view passthrough_options = "passthrough-options";
inline constexpr std::string_view nothing_to_order = "nothing-to-order";
inline constexpr std::string_view domains_unused = "domains-unused";
inline constexpr std::string_view name_not_in_domains = "name-not-in-domains";
inline constexpr std::string_view domain_not_routed = "domain-not-routed";
inline constexpr std::string_view same_rule = "same-rule";
inline constexpr std::string_view never_reached = "never-reached";
inline constexpr std::string_view equal_rank = "equal-rank";
inline constexpr std::string_view host_alias = "host-alias";
inline constexpr std::string_view regexp_unanchored = "regexp-unanchored";
inline constexpr std::string_view regexp_never_matches = "regexp-never-matches";
inline constexpr std::string_view regexp_not_ordered = "regexp-not-ordered";
inline constexpr std::string_view alpn_not_allowed = "alpn-not-allowed";
inline constexpr std::string_view entry_points_differ = "entry-points-differ";
inline constexpr std::string_view old_name = "old-name";
inline constexpr std::string_view suites_unused = "suites-unused";
inline constexpr std::string_view generated_unused = "generated-unused";
inline constexpr std::string_view container_service = "container-service";
inline constexpr std::string_view nothing_labelled = "nothing-labelled";
inline constexpr std::string_view resolver_unused = "resolver-unused";
inline constexpr std::string_view server_first = "server-first";
inline constexpr std::string_view challenge_port = "challenge-port";
inline constexpr std::string_view proxy_trust = "proxy-trust";
inline constexpr std::string_view clear_text = "clear-text";
inline constexpr std::string_view upstream_unverified = "upstream-unverified";
inline constexpr std::string_view upstream_tls_unused = "upstream-tls-unused";
inline constexpr std::string_view upstream_name = "upstream-name";
inline constexpr std::string_view traefik_store = "traefik-store";
inline constexpr std::string_view stale = "stale";
inline constexpr std::string_view closed = "closed";
inline constexpr std::string_view awaits_provider = "awaits-provider";

struct Code {
    std::string_view code;
    std::string_view meaning;
};

/// Every code there is, in the order of the documentation.
[[nodiscard]] std::span<const Code> all();

}  // namespace mesh::config::codes

#include "config/codes.hpp"

namespace mesh::config::codes {
namespace {

constexpr Code table[] = {
    {unreadable, "the configuration file cannot be read"},
    {encoding, "the file is not UTF-8 text, or holds control characters"},
    {syntax, "the file is not YAML or TOML, or uses a part of YAML that configurations do without"},
    {limit, "the file is larger, deeper or more repetitive than mesh reads"},
    {duplicate, "a key stands twice in one section"},
    {unknown_option, "no option has this name"},
    {unsupported, "an option or a value that this version does not support"},
    {ignored, "warning: an option of Traefik that mesh does not have; it is ignored"},
    {missing, "a required option is missing"},
    {wrong_kind, "a list where a single value is expected, and the like"},
    {bad_value, "the value is not one the option takes"},
    {bad_name, "the name of an entry point, router, service, … cannot be used"},
    {empty_section, "note: `tls:` with nothing behind it counts as `tls: {}`"},
    {bad_substitution, "`${…}` is not written correctly, or its file cannot be read"},
    {unset_variable, "`${NAME}` names a variable that is not set (with --no-secrets: a warning)"},
    {unknown_reference, "a router names something that is not defined"},
    {address_in_use, "two entry points listen on one address"},
    {file_missing,
     "a file that the configuration names cannot be read (key files with --no-secrets: a warning)"},
    {certificate_file, "a file with certificates, a key or CAs cannot be read or used"},
    {storage_conflict, "resolvers name different stores; all share one"},
    {resolver_conflict,
     "resolvers of one CA differ in `email`, `caCertificates`, `caSystemCertPool` or "
     "`clientTimeout`, which they share"},
    {no_challenge, "a resolver has no challenge"},
    {bad_rule, "the rule cannot be parsed; the excerpt shows where"},
    {rule_needs_tls, "a rule names a host or a protocol, but the router has no `tls`"},
    {options_need_host, "TLS options on a router whose rule has no HostSNI"},
    {wildcard_needs_dns, "a wildcard name is wanted, which takes a DNS challenge"},
    {name_not_public, "Let's Encrypt would refuse this name"},
    {name_not_allowed, "a wanted name is outside the resolver's `allowedDomains`"},
    {too_many_names, "more than 100 names in one certificate"},
    {needs_restart, "at a reload: the option changed, and a running mesh cannot follow"},
    {server_unresolved, "warning, at a reload: the host name of a server has no address yet"},
    {cannot_bind, "at a reload: the address of an entry point cannot be listened on"},
    {store_failed, "at a reload: the store of the first resolver cannot be opened"},
    {log_file, "at a reload: `log.filePath` cannot be opened"},
    {misplaced, "an option of the main file stands in a file of `providers.file`"},
    {certificate_expired, "warning: the certificate in a file has expired"},
    {passthrough_resolver,
     "warning: a router that passes TLS through never presents its resolver's certificate"},
    {passthrough_options,
     "warning: TLS options have no effect on a router that passes TLS through"},
    {nothing_to_order,
     "note: a router has a resolver, but neither its rule nor `domains` name a host"},
    {domains_unused, "warning: `domains` without `certResolver` has no effect"},
    {name_not_in_domains,
     "warning: the rule matches a name for which `domains` orders no certificate"},
    {domain_not_routed, "warning: a certificate is ordered for a name that no router matches"},
    {same_rule, "warning: two routers of an entry point have the same rule"},
    {never_reached,
     "warning: no connection reaches a router, because its rule never matches or those that "
     "outrank "
     "it take all"},
    {equal_rank,
     "warning: two routers of one priority can match the same connection, so their names decide"},
    {host_alias, "note: `Host` in a rule means `HostSNI`"},
    {regexp_unanchored, "warning: a regular expression also matches longer names"},
    {regexp_never_matches,
     "warning: a regular expression holds a character that no server name has"},
    {regexp_not_ordered, "note: no certificate is ordered for what a regular expression matches"},
    {alpn_not_allowed,
     "warning: a rule asks for a protocol that the router's `alpnProtocols` do not list"},
    {entry_points_differ, "a router leaves an option to entry points that fill it in differently"},
    {old_name, "note: an option is written by a name that has been replaced; both work"},
    {suites_unused, "warning: `cipherSuites` holds suites of a TLS version that is not spoken"},
    {generated_unused, "warning: `defaultGeneratedCert` has no effect beside `defaultCertificate`"},
    {container_service,
     "note: labels define no service, so the container is the server of the one its routers name"},
    {nothing_labelled, "warning: no label begins with the prefix"},
    {resolver_unused, "warning: no router uses this resolver"},
    {server_first,
     "warning: an entry point has routers with and without TLS, where a server that speaks first "
     "is "
     "not heard"},
    {challenge_port, "warning: a public CA validates on port 443, where no entry point listens"},
    {proxy_trust, "warning: `proxyProtocol` trusts nobody, or everybody beside a list"},
    {clear_text,
     "warning: a Docker daemon on another host is asked, or a token for Consul sent, without TLS"},
    {upstream_unverified, "warning: TLS to servers whose certificates are not verified"},
    {upstream_tls_unused,
     "warning: a service names TLS parameters for its servers, and speaks TLS to none or not to "
     "all"},
    {upstream_name,
     "warning: the certificate of a container in TLS has to hold its address, since no "
     "`serverName` "
     "says another name"},
    {traefik_store, "warning: `storage` is a store of Traefik, on which mesh does not start"},
    {stale,
     "warning, of labels and with `onError: partial`: what stands there cannot be applied; the "
     "form "
     "that worked last stays"},
    {closed,
     "warning, of labels and with `onError: partial`: the router cannot be applied; what it "
     "matches "
     "is refused"},
    {awaits_provider,
     "note: a router of a file names what only labels or tags define; it is closed until they do"},
};

}  // namespace

std::span<const Code> all() {
    return table;
}

}  // namespace mesh::config::codes

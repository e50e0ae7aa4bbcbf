#include "base/idn.hpp"
#include "config/codes.hpp"
#include "config/public_names.hpp"
#include "config/resolve.hpp"
#include "model/wanted.hpp"
#include "rules/sni_index.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace mesh::config {
namespace {

constexpr std::uint16_t https_port = 443;

bool wants_certificate(const model::Router& router) {
    return router.tls && router.tls->cert_resolver;
}

/// All routers that take TLS connections, to ask whether any of them would take a name.
rules::SniIndex tls_routers(const Resolution& resolution) {
    std::vector<rules::RankedRule> ranked;
    for (const auto* const routers : {&resolution.out.routers, &resolution.incomplete_routers})
        for (const auto& [name, router] : *routers)
            if (router.tls) ranked.push_back({router.rule, rank_of(router), 0});
    return rules::SniIndex(std::move(ranked));
}

/// Names the rule matches, but no entry of `domains` orders a certificate for.
void names_not_in_domains(Resolution& resolution, const model::Router& router) {
    const Text& rule = *resolution.draft().tcp.routers.at(router.name).rule;
    const auto is_ordered = [&](const HostPattern& name) {
        return std::any_of(
            router.tls->domains.begin(), router.tls->domains.end(), [&](const auto& domain) {
                const auto covers = [&](const HostPattern& other) { return other.covers(name); };
                return covers(domain.main) ||
                       std::any_of(domain.sans.begin(), domain.sans.end(), covers);
            });
    };
    for (const HostPattern& name : router.rule.positive_names()) {
        if (is_ordered(name)) continue;
        const std::string shown =
            rule.hidden ? "a name in the substituted rule" : '"' + name.text() + '"';
        resolution.problems().warning(codes::name_not_in_domains,
                                      rule.at,
                                      shown +
                                          " is in none of the domains: no certificate is "
                                          "ordered for it",
                                      "add it to tls.domains");
    }
}

/// Names in `domains` that reach no router: the CA will validate them for nobody.
void domains_not_routed(Resolution& resolution,
                        const model::Router& router,
                        const rules::SniIndex& routes) {
    const auto check = [&](const Text& text) {
        const auto name = parse_written_name(text.value);
        if (text.unknown || !name || name->is_wildcard() || routes.may_route(name->name())) return;
        resolution.problems().warning(
            codes::domain_not_routed,
            text.at,
            "a certificate is ordered for " + shown(text) + ", but no router matches it");
    };
    for (const DomainDraft& domain : resolution.draft().tcp.routers.at(router.name).tls->domains) {
        if (domain.main) check(*domain.main);
        for (const Text& san : domain.sans) check(san);
    }
}

void lint_domains(Resolution& resolution) {
    std::optional<rules::SniIndex> routes;  // made when the first router needs it
    for (const auto* const routers : {&resolution.out.routers, &resolution.incomplete_routers}) {
        for (const auto& [name, router] : *routers) {
            const auto& draft = resolution.draft().tcp.routers.at(name);
            if (!router.tls || router.tls->domains.empty() || !draft.tls->cert_resolver) continue;
            if (!routes) routes = tls_routers(resolution);
            names_not_in_domains(resolution, router);
            domains_not_routed(resolution, router, *routes);
        }
    }
}

/// A resolver that gets no certificate for a router, or not for all of its names: `*`, negated
/// names and regular expressions name nobody.
void lint_nothing_to_order(Resolution& resolution) {
    for (const auto& [name, router] : resolution.out.routers) {
        if (!wants_certificate(router)) continue;
        const model::Location& at = router.tls->cert_resolver->at;
        if (model::wanted_names(router).empty())
            resolution.problems().note(codes::nothing_to_order,
                                       at,
                                       "no certificate is ordered for this router: its rule names "
                                       "no host",
                                       "list the names in tls.domains");
        else if (router.tls->domains.empty() && router.rule.has_positive_regexp())
            resolution.problems().note(codes::regexp_not_ordered,
                                       at,
                                       "no certificate is ordered for the names that HostSNIRegexp "
                                       "matches",
                                       "list all names in tls.domains");
    }
}

/// An ALPN in the rule that the TLS options then refuse.
void lint_protocols(Resolution& resolution) {
    for (const auto& [name, router] : resolution.out.routers) {
        if (!router.tls || router.tls->passthrough || router.closed) continue;
        const auto options = resolution.out.tls_options.find(
            router.tls->options ? router.tls->options->value : "default");
        if (options == resolution.out.tls_options.end()) continue;
        const auto& allowed = options->second.alpn_protocols;
        if (allowed.empty()) continue;
        const Text& rule = *resolution.draft().tcp.routers.at(name).rule;
        for (const std::string& protocol : router.rule.positive_protocols()) {
            if (std::find(allowed.begin(), allowed.end(), protocol) != allowed.end()) continue;
            const std::string shown = rule.hidden ? "a protocol in the substituted rule"
                                                  : '"' + rules::excerpt(protocol) + '"';
            resolution.problems().warning(codes::alpn_not_allowed,
                                          rule.at,
                                          shown + " is not in alpnProtocols of TLS options \"" +
                                              options->first + "\" and will not be selected",
                                          "add it there");
        }
    }
}

void lint_resolvers(Resolution& resolution) {
    const model::Configuration& out = resolution.out;
    std::set<std::string> used;
    bool all_known = true;
    for (const auto& [name, draft] : resolution.draft().tcp.routers) {
        if (!draft.tls || !draft.tls->cert_resolver) continue;
        used.insert(draft.tls->cert_resolver->value);
        all_known = all_known && !draft.tls->cert_resolver->unknown;
    }
    if (const auto& generated = resolution.draft().tls.stores.default_store.generated;
        generated && generated->resolver) {
        used.insert(generated->resolver->value);
        all_known = all_known && !generated->resolver->unknown;
    }

    const bool listens_on_443 =
        std::any_of(out.entry_points.begin(), out.entry_points.end(), [](const auto& entry) {
            return entry.second.address.port == https_port;
        });
    for (const auto& [name, resolver] : out.resolvers) {
        if (!used.contains(name) && all_known)
            resolution.problems().warning(
                codes::resolver_unused, resolver.at, "no router uses resolver \"" + name + '"');
        else if (used.contains(name) && resolver.tls_challenge &&
                 is_public_ca(resolver.ca_server) && !listens_on_443)
            resolution.problems().warning(codes::challenge_port,
                                          resolver.at,
                                          "the CA validates on port 443, where no entry point "
                                          "listens",
                                          "forward port 443 to one of them, or add one");
    }
}

}  // namespace

void lint(Resolution& resolution) {
    lint_nothing_to_order(resolution);
    lint_domains(resolution);
    lint_protocols(resolution);
    lint_routers(resolution);
    lint_resolvers(resolution);
}

}  // namespace mesh::config

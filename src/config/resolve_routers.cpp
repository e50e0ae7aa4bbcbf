#include "base/idn.hpp"
#include "config/codes.hpp"
#include "config/orderable.hpp"
#include "config/quote.hpp"
#include "config/resolve.hpp"
#include "config/rule_finding.hpp"
#include "rules/rule.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace mesh::config {
namespace {

class RouterResolution {
 public:
    RouterResolution(Resolution& shared, const std::string& name, const RouterDraft& draft)
        : shared_(shared), name_(name), draft_(draft) {}

    /// Adds the router to the model if everything it takes to make one is right.
    void run() {
        const Problems::Concerning concerning(
            problems(), draft_.units.empty() ? std::string() : "tcp.routers." + name_);
        if (draft_.closed) return add_closed();
        auto entry_points = resolve_entry_points();
        auto service = resolve_service();
        auto middlewares = resolve_middlewares();
        auto rule = resolve_rule();
        auto tls = resolve_tls();
        if (rule) check_rule(*rule);
        if (rule && tls) check_names(*rule, *tls);
        if (service && tls && tls->passthrough) check_passthrough(service->value);
        if (!rule) return;
        const bool is_complete = (service || awaits_) && !entry_points.empty();
        if (awaits_) {
            service.reset();
            middlewares.clear();
        }
        auto& routers = is_complete ? shared_.out.routers : shared_.incomplete_routers;
        routers.emplace(name_,
                        model::Router{name_,
                                      draft_.provider,
                                      std::move(entry_points),
                                      std::move(*rule),
                                      draft_.priority,
                                      std::move(service).value_or(model::Located<std::string>{}),
                                      std::move(tls),
                                      draft_.at,
                                      std::move(middlewares),
                                      draft_.on_remove,
                                      awaits_});
    }

 private:
    [[nodiscard]] Problems& problems() const { return shared_.problems(); }

    /// As much of it as it takes to refuse what it matches.
    void add_closed() {
        auto rule = resolve_rule();
        if (!rule) return;
        model::Router router{
            name_, draft_.provider, {}, std::move(*rule), draft_.priority, {}, {}, draft_.at};
        // Nobody knows where one was meant to be that names an entry point that is not there.
        const auto& defined = shared_.draft().entry_points;
        const bool is_known = std::all_of(
            draft_.entry_points.begin(), draft_.entry_points.end(), [&](const Text& text) {
                return defined.contains(text.value);
            });
        for (const auto& [name, ignored] : defined) {
            const auto names_it = [&, &entry_point = name](const Text& text) {
                return text.value == entry_point;
            };
            if (!is_known ||
                std::any_of(draft_.entry_points.begin(), draft_.entry_points.end(), names_it))
                router.entry_points.push_back(name);
        }
        if (draft_.tls || router.rule.names_a_host() || router.rule.asks_for_protocol())
            router.tls.emplace();
        router.on_remove = draft_.on_remove;
        router.closed = true;
        if (!router.entry_points.empty()) shared_.out.routers.emplace(name_, std::move(router));
    }

    std::vector<std::string> resolve_entry_points() {
        const auto& defined = shared_.draft().entry_points;
        std::vector<std::string> names;
        for (const Text& reference : draft_.entry_points) {
            const bool repeated =
                std::find(names.begin(), names.end(), reference.value) != names.end();
            if (!defined.contains(reference.value))
                shared_.report_unknown(reference, "entry point", defined);
            else if (!repeated)
                names.push_back(reference.value);
        }
        return names;
    }

    std::optional<model::Located<std::string>> resolve_service() {
        if (!draft_.service || draft_.service->unknown) return std::nullopt;
        const Text& reference = *draft_.service;
        const auto& defined = shared_.draft().tcp.services;
        const auto& claimed = shared_.draft().claimed.services;
        std::string key = Resolution::key_of(reference.value, draft_.provider, defined, claimed);
        if (!defined.contains(key)) {
            if (!is_claimed(reference, key, "service", claimed, defined) &&
                !awaits(reference, "service"))
                shared_.report_unknown(reference, "service", defined);
            return std::nullopt;
        }
        return model::Located<std::string>{std::move(key), reference.at};
    }

    std::vector<std::string> resolve_middlewares() {
        const auto& defined = shared_.draft().tcp.middlewares;
        const auto& claimed = shared_.draft().claimed.middlewares;
        std::vector<std::string> names;
        for (const Text& reference : draft_.middlewares) {
            std::string key =
                Resolution::key_of(reference.value, draft_.provider, defined, claimed);
            if (!defined.contains(key)) {
                if (!is_claimed(reference, key, "middleware", claimed, defined) &&
                    !awaits(reference, "middleware"))
                    shared_.report_unknown(reference, "middleware", defined);
            } else if (std::find(names.begin(), names.end(), key) != names.end()) {
                problems().error(
                    codes::bad_value, reference.at, "the middleware stands twice in the list");
            } else {
                names.push_back(std::move(key));
            }
        }
        return names;
    }

    /// Whether the files have it, but labels of its own provider mean the name. Reports it.
    template <class T>
    bool is_claimed(const Text& reference,
                    const std::string& key,
                    const std::string& what,
                    const ClaimedNames::Names& claimed,
                    const std::map<std::string, T>& defined) const {
        const std::string of_files = qualified_name(reference.value, file_provider);
        if (!claimed.contains(key) || !defined.contains(of_files)) return false;
        problems().error(codes::unknown_reference,
                         reference.at,
                         "no labels of " + draft_.provider + " define the " + what + ' ' +
                             shown(reference) + " in a way that can be applied",
                         "write " + printable(of_files) + "@file for the one of the files");
        return true;
    }

    /// Whether a provider of labels may come to define it: then the router of a file is closed
    /// until it does, and nothing is wrong.
    bool awaits(const Text& reference, const std::string& what) {
        const ProvidersDraft& providers = shared_.draft().providers;
        const std::string_view name = reference.value;
        const bool may_come = (providers.docker && name.ends_with("@docker")) ||
                              (providers.consul_catalog && name.ends_with("@consulcatalog"));
        if (!may_come || draft_.provider != file_provider) return false;
        const bool is_running = shared_.source().is_running;
        const std::string provider(name.substr(name.rfind('@') + 1));
        problems().add(finding_at(
            is_running ? Severity::warning : Severity::note,
            codes::awaits_provider,
            reference.at,
            is_running
                ? "no labels of " + provider + " define the " + what + ' ' + shown(reference) +
                      " now: what this router matches is refused until some do"
                : "only a running mesh knows whether labels of " + provider + " define the " +
                      what + ' ' + shown(reference) +
                      ": until some do, what this router matches is refused"));
        awaits_ = true;
        return true;
    }

    std::optional<rules::Rule> resolve_rule() {
        if (!draft_.rule || draft_.rule->unknown) return std::nullopt;
        auto rule = rules::Rule::parse(draft_.rule->value);
        if (!rule) {
            report(rule.error());
            return std::nullopt;
        }
        for (const rules::Advice& advice : rule->advice()) report(advice);
        return std::move(*rule);
    }

    void report(const rules::RuleError& error) {
        if (draft_.rule->hidden) {
            problems().error(
                codes::bad_rule, draft_.rule->at, "the substituted value is not a rule");
            return;
        }
        problems().add(finding_in_text(Severity::error, codes::bad_rule, *draft_.rule, error));
    }

    void report(const rules::Advice& advice) {
        switch (advice.kind) {
            case rules::Advice::Kind::host_alias:
                return report(Severity::note, codes::host_alias, advice.remark);
            case rules::Advice::Kind::regexp_unanchored:
                return report(Severity::warning, codes::regexp_unanchored, advice.remark);
            case rules::Advice::Kind::regexp_never_matches:
                return report(Severity::warning, codes::regexp_never_matches, advice.remark);
        }
    }

    void report(Severity severity, std::string_view code, const rules::RuleError& remark) {
        problems().add(finding_in_text(severity, code, *draft_.rule, remark));
    }

    std::optional<model::RouterTls> resolve_tls() {
        if (!draft_.tls) return std::nullopt;
        model::RouterTls tls;
        tls.passthrough = draft_.tls->passthrough;
        tls.options = resolve_options();
        tls.cert_resolver = resolve_cert_resolver();
        tls.domains = resolve_domains();
        return tls;
    }

    std::optional<model::Located<std::string>> resolve_options() {
        if (!draft_.tls->options || draft_.tls->options->unknown) return std::nullopt;
        const Text& reference = *draft_.tls->options;
        const auto& defined = shared_.draft().tls.options;
        std::string key = Resolution::key_of(reference.value, draft_.provider, defined);
        const bool is_known = key == "default" || defined.contains(key);
        if (draft_.tls->passthrough)
            problems().warning(codes::passthrough_options,
                               reference.at,
                               "TLS options have no effect on a router that passes TLS through");
        else if (!is_known)
            shared_.report_unknown(reference, "set of TLS options", defined);
        if (!is_known) return std::nullopt;
        return model::Located<std::string>{std::move(key), reference.at};
    }

    std::optional<model::Located<std::string>> resolve_cert_resolver() {
        if (!draft_.tls->cert_resolver || draft_.tls->cert_resolver->unknown) return std::nullopt;
        const Text& reference = *draft_.tls->cert_resolver;
        const auto& defined = shared_.draft().resolvers;
        if (draft_.tls->passthrough)
            problems().warning(codes::passthrough_resolver,
                               reference.at,
                               "this router passes TLS through and never presents the certificate "
                               "that is ordered for it");
        if (!defined.contains(reference.value)) {
            shared_.report_unknown(reference, "resolver", defined);
            return std::nullopt;
        }
        return model::Located<std::string>{reference.value, reference.at};
    }

    std::vector<model::Domain> resolve_domains() {
        if (!draft_.tls->domains.empty() && !draft_.tls->cert_resolver)
            problems().warning(codes::domains_unused,
                               draft_.tls->domains.front().at,
                               "\"domains\" has no effect without \"certResolver\"");
        std::vector<model::Domain> domains;
        for (const DomainDraft& draft : draft_.tls->domains) {
            WantedNames names;
            auto domain = resolve_domain(shared_, draft, names);
            if (!domain) continue;
            domains.push_back(std::move(*domain));
            domain_names_.push_back(std::move(names));
        }
        return domains;
    }

    void check_rule(const rules::Rule& rule) {
        if (rule.names_a_host() && !draft_.tls)
            problems().error(codes::rule_needs_tls,
                             draft_.rule->at,
                             "a rule that names a host needs TLS: plain TCP carries no server name",
                             "add tls: {} to terminate TLS here, or tls: { passthrough: true } to "
                             "pass it on");
        else if (rule.asks_for_protocol() && !draft_.tls)
            problems().error(codes::rule_needs_tls,
                             draft_.rule->at,
                             "a rule with ALPN needs TLS: plain TCP offers no protocols",
                             "add tls: {} to terminate TLS here, or tls: { passthrough: true } to "
                             "pass it on");
        if (draft_.tls && draft_.tls->options && !rule.mentions_host_sni())
            problems().error(codes::options_need_host,
                             draft_.tls->options->at,
                             "TLS options need a HostSNI in the rule",
                             "add HostSNI(`*`) to it");
    }

    /// Names that the resolver could only fail to get a certificate for.
    void check_names(const rules::Rule& rule, const model::RouterTls& tls) {
        if (!tls.cert_resolver) return;
        const auto resolver = shared_.out.resolvers.find(tls.cert_resolver->value);
        if (resolver == shared_.out.resolvers.end()) return;
        std::vector<WantedNames> sets = std::move(domain_names_);
        if (draft_.tls->domains.empty()) {
            sets.emplace_back();
            for (HostPattern& name : rule.positive_names())
                sets.back().push_back({std::move(name), &*draft_.rule, false});
        }
        for (const WantedNames& names : sets) check_orderable(shared_, names, resolver->second);
    }

    /// With the services that one is made of.
    [[nodiscard]] bool speaks_tls(const std::string& name, std::set<std::string>& seen) const {
        const auto found = shared_.out.services.find(name);
        if (found == shared_.out.services.end() || !seen.insert(name).second) return false;
        const auto& parts = found->second.services;
        return found->second.speaks_tls() ||
               std::any_of(parts.begin(), parts.end(), [&](const auto& part) {
                   return speaks_tls(part.service.value, seen);
               });
    }

    /// The client's TLS would go through another one, which its server hardly expects.
    void check_passthrough(const std::string& service) {
        std::set<std::string> seen;
        if (!speaks_tls(service, seen)) return;
        problems().error(codes::bad_value,
                         draft_.service->at,
                         "this router passes the client's TLS on, and the service wraps it in TLS "
                         "of mesh's own",
                         "give it a service whose servers have neither tls nor startTLS");
    }

    Resolution& shared_;
    const std::string& name_;
    const RouterDraft& draft_;
    std::vector<WantedNames> domain_names_;
    bool awaits_ = false;  ///< something of a provider that is not there now
};

}  // namespace

void resolve_routers(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().tcp.routers)
        RouterResolution(resolution, name, draft).run();
}

}  // namespace mesh::config

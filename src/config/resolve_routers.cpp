#include "config/codes.hpp"
#include "config/public_names.hpp"
#include "config/resolve.hpp"
#include "rules/rule.hpp"

#include <algorithm>
#include <utility>

namespace mesh::config {
namespace {

constexpr std::size_t names_max = 100;
constexpr std::string_view own_provider = "@file";

/// "name" and "name@file" are the same; the sections of a file are provider `file`.
Text in_own_provider(Text reference) {
    if (reference.value.ends_with(own_provider))
        reference.value.resize(reference.value.size() - own_provider.size());
    return reference;
}

/// A name of a certificate to order, with the text it was written in.
struct WantedName {
    HostPattern name;
    const Text* text;
    bool is_whole_text;  ///< the text is the name, not a rule that holds it
};

std::string shown(const WantedName& wanted) {
    if (wanted.is_whole_text) return config::shown(*wanted.text);
    if (wanted.text->hidden) return "a name in the substituted rule";
    return '"' + wanted.name.text() + '"';
}

class RouterResolution {
 public:
    RouterResolution(Resolution& shared, const std::string& name, const RouterDraft& draft)
        : shared_(shared), name_(name), draft_(draft) {}

    /// The router, if everything it takes to make one is right.
    std::optional<model::Router> run() {
        if (draft_.closed) return closed();
        auto entry_points = resolve_entry_points();
        auto service = resolve_service();
        auto rule = resolve_rule();
        auto tls = resolve_tls();
        if (rule) check_rule(*rule);
        if (rule && tls) check_names(*rule, *tls);
        if (!rule || !service || entry_points.empty()) return std::nullopt;
        return model::Router{name_,
                             "file",
                             std::move(entry_points),
                             std::move(*rule),
                             draft_.priority,
                             std::move(*service),
                             std::move(tls),
                             draft_.at,
                             draft_.on_remove};
    }

 private:
    [[nodiscard]] Problems& problems() const { return shared_.problems(); }

    /// As much of it as it takes to refuse what it matches.
    std::optional<model::Router> closed() {
        auto rule = resolve_rule();
        if (!rule) return std::nullopt;
        model::Router router{
            name_, "file", {}, std::move(*rule), draft_.priority, {}, {}, draft_.at};
        const auto& defined = shared_.draft().entry_points;
        for (const auto& [name, ignored] : defined) {
            const auto names_it = [&](const Text& text) { return text.value == name; };
            if (draft_.entry_points.empty() ||
                std::any_of(draft_.entry_points.begin(), draft_.entry_points.end(), names_it))
                router.entry_points.push_back(name);
        }
        if (draft_.tls || router.rule.names_a_host()) router.tls.emplace();
        router.closed = true;
        if (router.entry_points.empty()) return std::nullopt;
        return router;
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
        if (draft_.entry_points.empty())
            for (const auto& [name, ignored] : defined) names.push_back(name);
        return names;
    }

    std::optional<model::Located<std::string>> resolve_service() {
        if (!draft_.service || draft_.service->unknown) return std::nullopt;
        const Text reference = in_own_provider(*draft_.service);
        const auto& defined = shared_.draft().tcp.services;
        if (!defined.contains(reference.value)) {
            shared_.report_unknown(reference, "service", defined);
            return std::nullopt;
        }
        return model::Located<std::string>{reference.value, reference.at};
    }

    std::optional<rules::Rule> resolve_rule() {
        if (!draft_.rule || draft_.rule->unknown) return std::nullopt;
        auto rule = rules::Rule::parse(draft_.rule->value);
        if (rule) return std::move(*rule);
        report(rule.error());
        return std::nullopt;
    }

    void report(const rules::RuleError& error) {
        const Text& text = *draft_.rule;
        if (text.hidden) {
            problems().error(codes::bad_rule, text.at, "the substituted value is not a rule");
            return;
        }
        Finding finding =
            finding_at(Severity::error, codes::bad_rule, text.at, error.message, error.hint);
        if (text.verbatim_column != 0)
            finding.column = text.verbatim_column + static_cast<int>(error.offset);
        finding.excerpt = excerpt_of(error, text.value);
        problems().add(std::move(finding));
    }

    /// The line of the rule with a caret under the place.
    static std::string excerpt_of(rules::RuleError error, std::string_view rule) {
        if (rule.find_first_not_of(" \t\r\n") == std::string_view::npos) return {};
        error.hint.clear();
        std::string excerpt = rules::render(error, rule);
        // Its first line is the message, which stands in the finding already.
        excerpt.erase(0, excerpt.find('\n') + 1);
        while (excerpt.ends_with('\n')) excerpt.pop_back();
        return excerpt;
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
        const Text reference = in_own_provider(*draft_.tls->options);
        const auto& defined = shared_.draft().tls.options;
        if (reference.value != "default" && !defined.contains(reference.value)) {
            shared_.report_unknown(reference, "set of TLS options", defined);
            return std::nullopt;
        }
        if (draft_.tls->passthrough)
            problems().warning(codes::passthrough_options,
                               reference.at,
                               "TLS options have no effect on a router that passes TLS through");
        return model::Located<std::string>{reference.value, reference.at};
    }

    std::optional<model::Located<std::string>> resolve_cert_resolver() {
        if (!draft_.tls->cert_resolver || draft_.tls->cert_resolver->unknown) return std::nullopt;
        const Text& reference = *draft_.tls->cert_resolver;
        const auto& defined = shared_.draft().resolvers;
        if (!defined.contains(reference.value)) {
            shared_.report_unknown(reference, "resolver", defined);
            return std::nullopt;
        }
        if (draft_.tls->passthrough)
            problems().warning(codes::passthrough_resolver,
                               reference.at,
                               "this router passes TLS through and never presents the certificate "
                               "that is ordered for it");
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
            if (draft.main) add_name(*draft.main, names);
            const bool has_main = !names.empty();
            for (const Text& san : draft.sans) add_name(san, names);
            if (!has_main) continue;
            model::Domain domain{names.front().name, {}, draft.at};
            for (auto it = names.begin() + 1; it != names.end(); ++it)
                domain.sans.push_back(it->name);
            domains.push_back(std::move(domain));
            domain_names_.push_back(std::move(names));
        }
        return domains;
    }

    using WantedNames = std::vector<WantedName>;

    void add_name(const Text& text, WantedNames& names) {
        if (text.unknown) return;
        if (auto name = HostPattern::parse(text.value)) {
            names.push_back({std::move(*name), &text, true});
        } else {
            problems().error(codes::bad_value,
                             text.at,
                             config::shown(text) + " is not a host name",
                             "write it like shop.example, an international name in its xn-- form");
        }
    }

    void check_rule(const rules::Rule& rule) {
        if (rule.names_a_host() && !draft_.tls)
            problems().error(codes::rule_needs_tls,
                             draft_.rule->at,
                             "a rule that names a host needs TLS: plain TCP carries no server name",
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
        for (const WantedNames& names : sets) check_set(names, resolver->second);
    }

    void check_set(const WantedNames& names, const model::CertResolver& resolver) {
        if (names.size() > names_max)
            problems().error(codes::too_many_names,
                             names.front().text->at,
                             "a certificate for " + std::to_string(names.size()) +
                                 " names, more than the " + std::to_string(names_max) +
                                 " a CA puts into one",
                             "list the names in several entries of tls.domains");
        for (const WantedName& wanted : names) check_name(wanted, resolver);
    }

    void check_name(const WantedName& wanted, const model::CertResolver& resolver) {
        const auto refuse = [&](std::string_view code, std::string message, std::string hint) {
            problems().error(code, wanted.text->at, std::move(message), std::move(hint));
        };
        const auto& allowed = resolver.allowed_domains;
        const bool is_allowed =
            allowed.empty() || std::any_of(allowed.begin(), allowed.end(), [&](auto& pattern) {
                return pattern.covers(wanted.name);
            });
        const std::string_view not_public =
            is_lets_encrypt(resolver.ca_server) ? not_public_reason(wanted.name.name()) : "";
        if (wanted.name.is_wildcard())
            refuse(codes::wildcard_needs_dns,
                   "a certificate for " + shown(wanted) +
                       " needs a DNS challenge, which is not supported in this version",
                   "list the names it stands for in tls.domains");
        else if (!is_allowed)
            refuse(codes::name_not_allowed,
                   shown(wanted) + " is not in allowedDomains of resolver \"" + resolver.name + '"',
                   {});
        else if (!not_public.empty())
            refuse(codes::name_not_public,
                   "Let's Encrypt issues no certificate for " + shown(wanted) + ": " +
                       std::string(not_public),
                   "use a public name, or a CA of your own");
    }

    Resolution& shared_;
    const std::string& name_;
    const RouterDraft& draft_;
    std::vector<WantedNames> domain_names_;
};

}  // namespace

void resolve_routers(Resolution& resolution) {
    for (const auto& [name, draft] : resolution.draft().tcp.routers)
        if (auto router = RouterResolution(resolution, name, draft).run())
            resolution.out.routers.emplace(name, std::move(*router));
}

}  // namespace mesh::config

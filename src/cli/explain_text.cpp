#include "base/time_text.hpp"
#include "cli/explain.hpp"
#include "config/quote.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

namespace mesh::cli {
namespace {

using Shown = PresentedCertificate::Source;

constexpr std::size_t rule_shown = 200;
/// More of them than anybody reads; --json has them all.
constexpr std::size_t rivals_shown = 20;

std::string row(std::string_view what, std::string_view text) {
    return fmt::format("    {:<11}  {}\n", what, text);
}

std::string router_text(const model::Router& router) {
    return router.name + ": " + config::printable(router.rule.text(), rule_shown);
}

std::string place_of(const model::Router& router) {
    if (!router.at.file || router.at.line == 0) return {};
    return fmt::format(" ({}:{})", *router.at.file, router.at.line);
}

std::string life_of(const PresentedCertificate& certificate) {
    std::string out = fmt::format("{}", fmt::join(certificate.names, ", "));
    if (certificate.not_after) out += ", until " + rfc3339(*certificate.not_after);
    return out + (certificate.valid ? "" : ", not valid now");
}

std::string certificate_text(const PresentedCertificate& certificate) {
    switch (certificate.source) {
        case Shown::server:
            return "the server's own: TLS is passed through";
        case Shown::file:
            return life_of(certificate) + " (" + certificate.file + ')';
        case Shown::store:
            return life_of(certificate) + " (store)";
        case Shown::generated:
            return "the default one: " + life_of(certificate) + " (store)";
        case Shown::fallback:
            return "the default one: " + certificate.file;
        case Shown::self_signed:
            return "the default one: self-signed, made at the start";
        case Shown::refused:
            return std::string(certificate.wanted != nullptr ? "none yet" : "none") +
                   ": refused with the alert unrecognized_name";
    }
    return {};
}

std::string wanted_text(const model::WantedCertificate& wanted) {
    std::vector<std::string> names;
    for (const HostPattern& name : wanted.names) names.push_back(name.text());
    return fmt::format("{}, by {}", fmt::join(names, ", "), wanted.resolver);
}

std::string service_text(const model::Service& service) {
    if (service.servers.empty()) return service.name + ": its servers are not known here";
    std::vector<std::string> servers;
    for (const model::Server& server : service.servers) servers.push_back(server.text());
    return fmt::format("{}: {}", service.name, fmt::join(servers, ", "));
}

std::string address_text(const model::EntryPoint& entry_point) {
    return entry_point.address.port == 0 ? "its address is not known here"
                                         : entry_point.address.text();
}

std::string unrouted_text(const Explanation& explanation) {
    if (explanation.plain_only) return "none: closed";
    std::string out = "none: refused with the alert unrecognized_name";
    if (explanation.nearest) out += "; did you mean " + *explanation.nearest + '?';
    return out;
}

/// The routers that some clients get instead.
std::string rivals_text(const Explanation& explanation) {
    if (explanation.unless.empty()) return {};
    std::string out = row("unless", "one of these takes the client, by its address or protocol:");
    const std::size_t shown = std::min(rivals_shown, explanation.unless.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const model::Router& rival = *explanation.unless[i];
        out += row("", router_text(rival) + place_of(rival));
    }
    if (shown < explanation.unless.size())
        out += row("", fmt::format("and {} more", explanation.unless.size() - shown));
    return out;
}

}  // namespace

std::string describe_explanation(const Explanation& explanation, const ExplainTarget& target) {
    std::string out = fmt::format("{} on {} ({})\n",
                                  target.name.text(),
                                  explanation.entry_point->name,
                                  address_text(*explanation.entry_point));
    if (explanation.plain_only) out += row("", "no router here has tls: the name is not looked at");
    const model::Router* const router = explanation.router;
    if (router == nullptr)
        return out + row("router", unrouted_text(explanation)) + rivals_text(explanation);
    out += row("router", router_text(*router) + place_of(*router)) + rivals_text(explanation);
    if (!router->middlewares.empty())
        out += row("middlewares", fmt::format("{}", fmt::join(router->middlewares, ", ")));
    if (!explanation.options.empty()) out += row("options", explanation.options);
    if (explanation.certificate) {
        out += row("certificate", certificate_text(*explanation.certificate));
        if (explanation.certificate->wanted != nullptr)
            out += row("ordered", wanted_text(*explanation.certificate->wanted));
    }
    return out + row("service", service_text(*explanation.service));
}

}  // namespace mesh::cli

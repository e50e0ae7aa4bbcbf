#include "base/duration.hpp"
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
constexpr std::size_t parts_shown = 20;

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

/// In front of what is sent: "PROXY v2 to ".
std::string header_text(const model::Service& service) {
    if (!service.proxy_protocol) return {};
    return fmt::format("PROXY v{} to ", static_cast<int>(*service.proxy_protocol));
}

/// Empty where no PROXY header is looked for.
std::string proxies_text(const model::ProxyProtocol& proxies) {
    if (proxies.insecure) return "PROXY headers of everybody are believed";
    std::vector<std::string> networks;
    for (const IpNetwork& network : proxies.trusted) networks.push_back(network.text());
    if (networks.empty()) return {};
    return fmt::format("PROXY headers are taken from {}", fmt::join(networks, ", "));
}

std::string server_text(const model::Server& server) {
    switch (server.tls) {
        case model::ServerTls::none:
            break;
        case model::ServerTls::direct:
            return server.text() + " in TLS";
        case model::ServerTls::postgres:
            return server.text() + " in TLS, asked for as Postgres does";
    }
    return server.text();
}

/// Weights are shown where they tell servers apart.
std::string servers_text(const std::vector<model::Server>& servers) {
    const bool weigh_alike = std::all_of(servers.begin(), servers.end(), [&](const auto& server) {
        return server.weight == servers.front().weight;
    });
    std::vector<std::string> out;
    for (const model::Server& server : servers) {
        const std::string text = server_text(server);
        out.push_back(server.weight == 0 ? text + " (drained)"
                      : weigh_alike      ? text
                                         : fmt::format("{} (weight {})", text, server.weight));
    }
    return fmt::format("{}", fmt::join(out, ", "));
}

std::string services_text(const std::vector<model::WeightedService>& services) {
    std::vector<std::string> out;
    for (const model::WeightedService& part : services)
        out.push_back(fmt::format("{} (weight {})", part.service.value, part.weight));
    return fmt::format("{}", fmt::join(out, ", "));
}

std::string service_text(const model::Service& service) {
    if (!service.services.empty()) return service.name + ": " + services_text(service.services);
    if (service.servers.empty()) return service.name + ": its servers are not known here";
    const bool by_count = service.strategy == model::Strategy::least_conn;
    const auto& health = service.health_check;
    return fmt::format("{}: {}{}{}{}",
                       service.name,
                       header_text(service),
                       by_count ? "the least loaded of " : "",
                       servers_text(service.servers),
                       health ? "; looked at every " + describe(health->interval) : "");
}

/// Every part, each once, where it comes first.
void collect_parts(const std::vector<ExplainedPart>& parts,
                   std::vector<const model::Service*>& out) {
    for (const ExplainedPart& part : parts) {
        if (std::find(out.begin(), out.end(), part.service) != out.end()) continue;
        out.push_back(part.service);
        collect_parts(part.parts, out);
    }
}

/// The services that the router's is made of, one a line.
std::string parts_text(const std::vector<ExplainedPart>& parts) {
    std::vector<const model::Service*> services;
    collect_parts(parts, services);
    std::string out;
    const std::size_t shown = std::min(parts_shown, services.size());
    for (std::size_t i = 0; i < shown; ++i) out += row("", service_text(*services[i]));
    if (shown < services.size())
        out += row("", fmt::format("and {} more", services.size() - shown));
    return out;
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
    const std::string proxies = proxies_text(explanation.entry_point->proxy_protocol);
    if (!proxies.empty()) out += row("client", proxies);
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
    return out + row("service", service_text(*explanation.service)) + parts_text(explanation.parts);
}

}  // namespace mesh::cli

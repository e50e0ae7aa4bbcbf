#include "base/time_text.hpp"
#include "cli/explain.hpp"

#include <nlohmann/json.hpp>

namespace mesh::cli {
namespace {

using ExplainedJson = nlohmann::ordered_json;

ExplainedJson router_json(const model::Router& router) {
    return {{"name", router.name},
            {"rule", router.rule.text()},
            {"file", router.at.file ? ExplainedJson(*router.at.file) : ExplainedJson(nullptr)},
            {"line", router.at.line}};
}

ExplainedJson names_json(const std::vector<HostPattern>& names) {
    ExplainedJson out = ExplainedJson::array();
    for (const HostPattern& name : names) out.push_back(name.text());
    return out;
}

ExplainedJson certificate_json(const PresentedCertificate& certificate) {
    ExplainedJson out = {{"source", to_string(certificate.source)},
                         {"file", nullptr},
                         {"names", certificate.names},
                         {"not_after", nullptr},
                         {"valid", nullptr},
                         {"wanted", nullptr}};
    if (!certificate.file.empty()) out["file"] = certificate.file;
    if (certificate.not_after) {
        out["not_after"] = rfc3339(*certificate.not_after);
        out["valid"] = certificate.valid;
    }
    if (certificate.wanted != nullptr)
        out["wanted"] = {{"resolver", certificate.wanted->resolver},
                         {"names", names_json(certificate.wanted->names)}};
    return out;
}

std::string_view word_for(model::ServerTls tls) {
    switch (tls) {
        case model::ServerTls::none:
            return "none";
        case model::ServerTls::direct:
            return "tls";
        case model::ServerTls::postgres:
            return "postgres";
    }
    return "none";
}

ExplainedJson proxies_json(const model::ProxyProtocol& proxies) {
    ExplainedJson out = {{"insecure", proxies.insecure}, {"trusted", ExplainedJson::array()}};
    for (const IpNetwork& network : proxies.trusted) out["trusted"].push_back(network.text());
    return out;
}

ExplainedJson health_json(const model::HealthCheck& health) {
    return {{"port", health.port ? ExplainedJson(*health.port) : ExplainedJson(nullptr)},
            {"interval_ms", health.interval.count()},
            {"unhealthy_interval_ms", health.unhealthy_interval.value_or(health.interval).count()},
            {"timeout_ms", health.timeout.count()}};
}

void tell_service(ExplainedJson& out,
                  const model::Service& service,
                  const std::vector<ExplainedPart>& parts);

ExplainedJson part_json(const ExplainedPart& part) {
    ExplainedJson out = {{"name", part.service->name}, {"weight", part.weight}};
    tell_service(out, *part.service, part.parts);
    return out;
}

/// The keys that a service has, be it a router's or a part of another one.
void tell_service(ExplainedJson& out,
                  const model::Service& service,
                  const std::vector<ExplainedPart>& parts) {
    for (const char* const list : {"servers", "weights", "server_tls"})
        out[list] = ExplainedJson::array();
    for (const model::Server& server : service.servers) {
        out["servers"].push_back(server.text());
        out["weights"].push_back(server.weight);
        out["server_tls"].push_back(word_for(server.tls));
    }
    out["strategy"] = nullptr;
    if (parts.empty()) out["strategy"] = to_string(service.strategy);
    out["services"] = ExplainedJson::array();
    for (const ExplainedPart& part : parts) out["services"].push_back(part_json(part));
    out["health_check"] = nullptr;
    if (service.health_check) out["health_check"] = health_json(*service.health_check);
    out["sent_proxy_version"] = nullptr;
    if (service.proxy_protocol)
        out["sent_proxy_version"] = static_cast<int>(*service.proxy_protocol);
}

ExplainedJson explanation_json(const Explanation& explanation) {
    ExplainedJson out = {{"entry_point", explanation.entry_point->name},
                         {"address", explanation.entry_point->address.text()},
                         {"proxy_protocol", proxies_json(explanation.entry_point->proxy_protocol)},
                         {"router", nullptr},
                         {"unless", ExplainedJson::array()},
                         {"nearest", nullptr},
                         {"middlewares", ExplainedJson::array()},
                         {"options", nullptr},
                         {"certificate", nullptr},
                         {"service", nullptr},
                         {"servers", ExplainedJson::array()},
                         {"weights", ExplainedJson::array()},
                         {"server_tls", ExplainedJson::array()},
                         {"strategy", nullptr},
                         {"services", ExplainedJson::array()},
                         {"health_check", nullptr},
                         {"sent_proxy_version", nullptr}};
    for (const model::Router* const rival : explanation.unless)
        out["unless"].push_back(router_json(*rival));
    if (explanation.nearest) out["nearest"] = *explanation.nearest;
    if (explanation.router == nullptr) return out;
    out["router"] = router_json(*explanation.router);
    out["middlewares"] = explanation.router->middlewares;
    if (!explanation.options.empty()) out["options"] = explanation.options;
    if (explanation.certificate) out["certificate"] = certificate_json(*explanation.certificate);
    out["service"] = explanation.service->name;
    tell_service(out, *explanation.service, explanation.parts);
    return out;
}

}  // namespace

ExplainedJson explanations_json(const std::vector<Explanation>& explanations,
                                const ExplainTarget& target) {
    ExplainedJson out = {
        {"name", target.name.text()}, {"port", nullptr}, {"entry_points", ExplainedJson::array()}};
    if (target.port) out["port"] = *target.port;
    for (const Explanation& explanation : explanations)
        out["entry_points"].push_back(explanation_json(explanation));
    return out;
}

}  // namespace mesh::cli

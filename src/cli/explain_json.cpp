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

ExplainedJson explanation_json(const Explanation& explanation) {
    ExplainedJson out = {{"entry_point", explanation.entry_point->name},
                         {"address", explanation.entry_point->address.text()},
                         {"router", nullptr},
                         {"unless", ExplainedJson::array()},
                         {"nearest", nullptr},
                         {"middlewares", ExplainedJson::array()},
                         {"options", nullptr},
                         {"certificate", nullptr},
                         {"service", nullptr},
                         {"servers", ExplainedJson::array()}};
    for (const model::Router* const rival : explanation.unless)
        out["unless"].push_back(router_json(*rival));
    if (explanation.nearest) out["nearest"] = *explanation.nearest;
    if (explanation.router == nullptr) return out;
    out["router"] = router_json(*explanation.router);
    out["middlewares"] = explanation.router->middlewares;
    if (!explanation.options.empty()) out["options"] = explanation.options;
    if (explanation.certificate) out["certificate"] = certificate_json(*explanation.certificate);
    out["service"] = explanation.service->name;
    for (const model::Server& server : explanation.service->servers)
        out["servers"].push_back(server.text());
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

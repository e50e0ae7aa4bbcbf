#include "control/plan_json.hpp"

#include "base/time_text.hpp"
#include "cli/story.hpp"
#include "cli/world.hpp"

#include <nlohmann/json.hpp>

namespace mesh::cli {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json document_of(const World& world, const control::Plan& plan) {
    Json document = {{"version", 1},
                     {"pid", world.pid != 0 ? Json(world.pid) : Json(nullptr)},
                     {"store", world.configuration.storage},
                     {"store_exists", world.store != nullptr},
                     {"certificates", Json::parse(control::lines_json(plan.certificates))}};
    Json& skipped = document["not_ordered"] = Json::array();
    for (const model::NotOrdered& entry : plan.not_ordered)
        skipped.push_back(
            {{"router", entry.router}, {"resolver", entry.resolver}, {"reason", entry.reason}});
    return document;
}

Json versions_json(const std::vector<store::StoredVersion>& versions) {
    Json list = Json::array();
    for (const store::StoredVersion& version : versions)
        list.push_back({{"current", version.current},
                        {"serial", version.facts.serial},
                        {"sha256", version.facts.sha256},
                        {"not_before", rfc3339(version.facts.not_before)},
                        {"not_after", rfc3339(version.facts.not_after)},
                        {"stored", rfc3339(version.facts.created)},
                        {"key_type", text_or_null(version.facts.key_type)},
                        {"profile", text_or_null(version.facts.profile)},
                        {"source", text_or_null(version.facts.source)}});
    return list;
}

Json history_json(const std::vector<store::HistoryRecord>& history) {
    Json list = Json::array();
    for (const store::HistoryRecord& record : history)
        list.push_back(
            {{"at", rfc3339(record.at)}, {"event", record.event}, {"detail", record.detail}});
    return list;
}

std::string text_of(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string plan_json(const World& world, const control::Plan& plan) {
    return text_of(document_of(world, plan));
}

std::string stories_json(const World& world, const std::vector<Story>& stories) {
    control::Plan plan;
    for (const Story& story : stories) plan.certificates.push_back(story.line);
    Json document = document_of(world, plan);
    Json& certificates = document["certificates"];
    for (std::size_t i = 0; i < stories.size(); ++i) {
        certificates[i]["versions"] = versions_json(stories[i].versions);
        certificates[i]["history"] = history_json(stories[i].history);
    }
    return text_of(document);
}

}  // namespace mesh::cli

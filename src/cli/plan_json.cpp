#include "base/time_text.hpp"
#include "cli/world.hpp"

#include <nlohmann/json.hpp>

namespace mesh::cli {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json time_or_null(const std::optional<WallTime>& time) {
    return time ? Json(rfc3339(*time)) : Json(nullptr);
}

Json error_or_null(const std::optional<store::LastError>& error) {
    if (!error) return nullptr;
    return {{"type", error->type}, {"detail", error->detail}, {"at", rfc3339(error->at)}};
}

Json line_json(const control::PlanLine& line) {
    return {{"names", line.names},
            {"resolver", text_or_null(line.resolver)},
            {"directory", line.directory},
            {"routers", line.routers},
            {"state", control::to_string(line.state)},
            {"serial", text_or_null(line.serial)},
            {"sha256", text_or_null(line.sha256)},
            {"not_before", time_or_null(line.not_before)},
            {"not_after", time_or_null(line.not_after)},
            {"next_action", control::to_string(line.next_action)},
            {"next_at", time_or_null(line.next_at)},
            {"attempts", line.attempts},
            {"last_error", error_or_null(line.last_error)},
            {"key_type", text_or_null(line.key_type)},
            {"source", text_or_null(line.source)},
            {"notes", line.notes}};
}

}  // namespace

std::string plan_json(const World& world, const control::Plan& plan) {
    Json document = {{"version", 1},
                     {"store", world.configuration.storage},
                     {"store_exists", world.store != nullptr},
                     {"certificates", Json::array()}};
    for (const control::PlanLine& line : plan.certificates)
        document["certificates"].push_back(line_json(line));
    Json& skipped = document["not_ordered"] = Json::array();
    for (const model::NotOrdered& entry : plan.not_ordered)
        skipped.push_back(
            {{"router", entry.router}, {"resolver", entry.resolver}, {"reason", entry.reason}});
    return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mesh::cli

#include "control/plan_json.hpp"

#include "cli/world.hpp"

#include <nlohmann/json.hpp>

namespace mesh::cli {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string plan_json(const World& world, const control::Plan& plan) {
    Json document = {{"version", 1},
                     {"pid", world.pid != 0 ? Json(world.pid) : Json(nullptr)},
                     {"store", world.configuration.storage},
                     {"store_exists", world.store != nullptr},
                     {"certificates", Json::parse(control::lines_json(plan.certificates))}};
    Json& skipped = document["not_ordered"] = Json::array();
    for (const model::NotOrdered& entry : plan.not_ordered)
        skipped.push_back(
            {{"router", entry.router}, {"resolver", entry.resolver}, {"reason", entry.reason}});
    return document.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mesh::cli

#pragma once
#include "base/clock.hpp"
#include "config/inventory.hpp"
#include "model/providers.hpp"
#include "providers/provider.hpp"
#include "unit/control/support/manual_executor.hpp"
#include "unit/providers/fake_consul.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mesh::test {

inline const std::vector<std::string> label_tags = {"mesh.tcp.routers.r.rule=HostSNI(`a.example`)"};

/// A provider that follows a fake agent on a clock that is moved by hand.
struct ConsulScene {
    ConsulScene() { settings.endpoint.url = "http://127.0.0.1:8500"; }

    void begin() {
        provider = providers::make_consul_catalog(
            settings, {consul, executor, clock, log}, [this](config::InventoryPtr inventory) {
                reports.push_back(std::move(inventory));
                last_report = clock.steady_now();
            });
    }
    void run(std::chrono::milliseconds span) { executor.run_for(span); }

    /// "web: 1 on n1, 2 on n1" of the unit, or "" when there is none.
    [[nodiscard]] std::string unit(const std::string& name) const {
        if (reports.empty()) return "nothing reported";
        for (const config::LabelledUnit& one : reports.back()->units) {
            if (one.name != name) continue;
            std::string text = name + ":";
            for (const config::Instance& server : one.instances.value()) text += " " + server.name;
            return text;
        }
        return {};
    }

    ManualClock clock{WallTime{std::chrono::hours{490'000}}};
    control::test::ManualExecutor executor{clock};
    FakeConsul consul;
    LinesLog log;
    model::ConsulCatalogProvider settings;
    std::vector<config::InventoryPtr> reports;
    SteadyTime last_report{};
    std::unique_ptr<providers::Provider> provider;
};

[[nodiscard]] inline Result<http::Response> consul_answer(int status, std::string body) {
    http::Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

}  // namespace mesh::test

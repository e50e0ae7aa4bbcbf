#include "cli/commands.hpp"
#include "cli/running.hpp"

#include <cstdio>
#include <filesystem>

namespace mesh::cli {
namespace {

using Json = Running::Json;

constexpr int nobody_runs = 3;
/// Beside what the new process may take.
constexpr std::chrono::seconds margin{40};

void print_upgrade(const Json& answer) {
    for (const Json& finding : answer.at("findings"))
        std::printf("%s\n", finding.get<std::string>().c_str());
    std::printf("%s\n", answer.value("summary", "").c_str());
    std::printf("%s\n",
                answer.value("serving", false)
                    ? "upgraded: the process before stays until its last connection ends"
                    : "not upgraded: the process that runs goes on");
}

}  // namespace

int upgrade(const Common& common, const UpgradeOptions& options) {
    Json request = {{"command", "upgrade"}, {"ready_within_ms", options.timeout_seconds * 1'000}};
    if (!options.binary.empty())
        request["program"] = std::filesystem::absolute(options.binary).string();
    auto running = Running::find(common.config, storage_of(common.config));
    const auto answer =
        running ? running->ask(request, std::chrono::seconds{options.timeout_seconds} + margin)
                : Result<Running::Answer>(running.error());
    if (!answer) {
        std::fprintf(stderr, "mesh: %s\n", answer.error().message.c_str());
        return answer.error().code == Errc::not_found ? nobody_runs : 1;
    }
    if (common.json)
        std::printf("%s\n",
                    answer->json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else
        print_upgrade(answer->json);
    return answer->json.value("serving", false) ? 0 : 1;
}

}  // namespace mesh::cli

#include "cli/commands.hpp"
#include "cli/running.hpp"
#include "cli/world.hpp"

#include <cstdio>

namespace mesh::cli {
namespace {

using Json = Running::Json;

constexpr int nobody = 3;

config::Finding finding_of(const Json& json) {
    config::Finding finding;
    const std::string severity = json.value("severity", "error");
    finding.severity = severity == "warning" ? config::Severity::warning
                       : severity == "note"  ? config::Severity::note
                                             : config::Severity::error;
    finding.code = json.value("code", "");
    finding.file = json.value("file", "");
    finding.line = json.value("line", 0);
    finding.column = json.value("column", 0);
    finding.path = json.value("path", "");
    finding.message = json.value("message", "");
    finding.hint = json.value("hint", "");
    finding.excerpt = json.value("excerpt", "");
    return finding;
}

void print_outcome(const Json& answer) {
    for (const Json& finding : answer.at("findings"))
        std::printf("%s\n", config::render(finding_of(finding)).c_str());
    std::printf("%s\n", answer.value("summary", "").c_str());
    std::printf("%s\n",
                answer.value("applied", false) ? "applied"
                                               : "not applied: what ran before goes on as it was");
}

/// A file that cannot even be taken apart does not say where its process listens.
int refuse_unreadable(const Common& common, const config::LoadResult& loaded) {
    if (common.json)
        std::printf("%s\n", config::findings_json(loaded).c_str());
    else
        print(loaded);
    return 1;
}

}  // namespace

int reload(const Common& common) {
    const auto loaded = config::load_file(common.config, {config::process_environment, true});
    auto running = Running::find(common.config, loaded.storage);
    if (!running && running.error().code == Errc::not_found && loaded.storage.empty())
        return refuse_unreadable(common, loaded);
    const auto answer =
        running ? running->ask({{"command", "reload"}}) : Result<Running::Answer>(running.error());
    if (!answer) {
        std::fprintf(stderr, "mesh: %s\n", answer.error().message.c_str());
        return answer.error().code == Errc::not_found ? nobody : 1;
    }
    if (common.json)
        std::printf("%s\n",
                    answer->json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else
        print_outcome(answer->json);
    return answer->json.value("applied", false) ? 0 : 1;
}

}  // namespace mesh::cli

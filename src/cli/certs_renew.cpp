#include "cli/commands.hpp"
#include "cli/running.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

namespace mesh::cli {
namespace {

using Json = Running::Json;

std::string sentence(const Json& line) {
    const std::string outcome = line.at("outcome").get<std::string>();
    std::string text = outcome == "asked"       ? "an order begins now"
                       : outcome == "under_way" ? "an order is under way already"
                       : outcome == "waits"     ? "an order waits"
                                                : "refused";
    if (!line.at("until").is_null()) text += " until " + line.at("until").get<std::string>();
    if (!line.at("reason").is_null()) text += ": " + line.at("reason").get<std::string>();
    return text;
}

}  // namespace

int certs_renew(const Common& common, const RenewOptions& options) {
    auto running = Running::find(common.config, storage_of(common.config));
    const auto answer =
        running ? running->ask(
                      {{"command", "renew"}, {"names", options.names}, {"failed", options.failed}})
                : Result<Running::Answer>(running.error());
    if (!answer) {
        std::fprintf(stderr, "mesh: %s\n", answer.error().message.c_str());
        return answer.error().code == Errc::not_found ? 3 : 1;
    }
    const Json& lines = answer->json.at("certificates");
    if (common.json)
        std::printf("%s\n",
                    answer->json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else
        for (const Json& line : lines)
            fmt::print("{}: {}\n",
                       fmt::join(line.at("names").get<std::vector<std::string>>(), ", "),
                       sentence(line));
    if (lines.empty() && !options.failed) {
        std::fprintf(stderr, "mesh: no certificate has such a name\n");
        return 1;
    }
    const bool refused = std::any_of(lines.begin(), lines.end(), [](const Json& line) {
        return line.at("outcome") == "refused";
    });
    return refused ? 1 : 0;
}

}  // namespace mesh::cli

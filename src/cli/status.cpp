#include "app/run.hpp"
#include "base/duration.hpp"
#include "base/time_text.hpp"
#include "cli/commands.hpp"
#include "cli/running.hpp"
#include "cli/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace mesh::cli {
namespace {

using Json = Running::Json;

void print_json(const Json& document) {
    std::printf("%s\n", document.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

std::string counts_text(const Json& counts) {
    std::string text;
    for (const auto& [state, count] : counts.items())
        if (count.get<std::uint64_t>() > 0)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.dump(), state);
    return text.empty() ? "none" : text;
}

std::string ago(std::int64_t seconds) {
    return describe(std::chrono::seconds{std::max<std::int64_t>(0, seconds)}) + " ago";
}

void print_refused(const Json& refused) {
    if (refused.is_null()) return;
    fmt::print("reload         refused at {}: {}\n",
               refused.at("at").get<std::string>(),
               refused.at("summary").get<std::string>());
    for (const Json& error : refused.at("errors"))
        fmt::print("               {}\n", error.get<std::string>());
}

void print_objects(const Json& configuration) {
    if (configuration.at("last_good").get<bool>())
        fmt::print("               the last good one, kept in the store: the file is invalid\n");
    for (const Json& object : configuration.at("objects"))
        fmt::print("{:<14} {}: {}\n",
                   object.at("state").get<std::string>(),
                   object.at("path").get<std::string>(),
                   object.at("reason").get<std::string>());
    for (const Json& file : configuration.at("kept_files"))
        fmt::print("kept           {}: {}\n",
                   file.at("file").get<std::string>(),
                   file.at("reason").get<std::string>());
}

void print_provider(const Json& provider) {
    std::string text = provider.at("name").get<std::string>() + ": " +
                       (provider.at("reachable").get<bool>() ? "follows" : "away") + " since " +
                       provider.at("since").get<std::string>() + ", " +
                       provider.at("units").dump() + " with labels of ours";
    if (!provider.at("reason").is_null()) text += ": " + provider.at("reason").get<std::string>();
    fmt::print("provider       {}\n", text);
}

void print_authority(const Json& authority) {
    std::string text = authority.at("directory").get<std::string>() + ": " +
                       authority.at("state").get<std::string>();
    if (!authority.at("until").is_null())
        text += " until " + authority.at("until").get<std::string>();
    if (!authority.at("reason").is_null()) text += ": " + authority.at("reason").get<std::string>();
    fmt::print("CA             {}\n", text);
}

/// Those that are not in; with --json all of them.
void print_servers(const Json& status) {
    if (!status.contains("servers")) return;  // a process of before
    constexpr std::size_t lines_max = 20;
    const Json& servers = status.at("servers");
    const auto away = servers.at("out").get<std::size_t>() + servers.at("down").get<std::size_t>();
    fmt::print("servers        {}, {} left out, {} down\n",
               servers.at("count").dump(),
               servers.at("out").dump(),
               servers.at("down").dump());
    std::size_t lines = 0;
    for (const Json& server : servers.at("list")) {
        if (lines == std::min(away, lines_max)) break;
        ++lines;
        std::string text = server.at("service").get<std::string>() + ' ' +
                           server.at("server").get<std::string>() + ": " +
                           server.at("state").get<std::string>();
        if (!server.at("since").is_null())
            text += " since " + server.at("since").get<std::string>();
        if (!server.at("reason").is_null()) text += ": " + server.at("reason").get<std::string>();
        fmt::print("               {}\n", text);
    }
    if (away > lines) fmt::print("               and {} more\n", away - lines);
}

void print_connections(const Json& connections) {
    fmt::print("connections    {} open, {} accepted, {} handshakes\n",
               connections.at("open").dump(),
               connections.at("accepted").dump(),
               connections.at("handshakes").dump());
    std::string ended;
    for (const auto& [cause, count] : connections.at("ended").items()) {
        if (count == 0) continue;
        ended += (ended.empty() ? "" : ", ") + count.dump() + ' ' + cause;
    }
    if (!ended.empty()) fmt::print("ended, by whom {}\n", ended);
}

void print_text(const Json& status) {
    const Json& configuration = status.at("configuration");
    const Json& sha256 = configuration.at("sha256");
    fmt::print("mesh           {} ({}), pid {}, since {}{}\n",
               status.at("mesh_version").get<std::string>(),
               status.at("commit").get<std::string>(),
               status.at("pid").dump(),
               status.at("started").get<std::string>(),
               status.at("draining").get<bool>() ? ", draining" : "");
    fmt::print("configuration  {}, applied {}, sha256 {}\n",
               configuration.at("file").get<std::string>(),
               ago(configuration.at("age_seconds").get<std::int64_t>()),
               sha256.is_null() ? "-" : sha256.get<std::string>());
    print_refused(configuration.at("refused_reload"));
    print_objects(configuration);
    if (const Json& store = status.at("store"); !store.is_null())
        fmt::print("store          {}{}{}\n",
                   store.at("path").get<std::string>(),
                   store.at("writable").get<bool>() ? "" : ", can only be read",
                   store.at("orders").get<bool>() ? "" : ", nothing is ordered");
    for (const Json& provider : status.at("providers")) print_provider(provider);
    print_servers(status);
    fmt::print("certificates   {}\n", counts_text(status.at("certificates")));
    for (const Json& authority : status.at("authorities")) print_authority(authority);
    print_connections(status.at("connections"));
}

/// Nobody listens: what can be told from the files.
int stored_status(const Common& common, const Error& why) {
    int failed = 0;
    const auto world = look(common.config, failed);
    if (!world) return failed;
    Json counts = Json::object();
    std::map<std::string, std::uint64_t> by_state;
    for (const control::PlanLine& line : world->plan().certificates)
        ++by_state[std::string(control::to_string(line.state))];
    for (const auto& [state, count] : by_state) counts[state] = count;
    if (common.json) {
        print_json({{"version", 1},
                    {"running", false},
                    {"healthy", false},
                    {"reason", why.message},
                    {"store", {{"path", world->configuration.storage}}},
                    {"certificates", counts}});
        return 0;
    }
    fmt::print("mesh           does not run: {}\n", why.message);
    fmt::print("store          {}\n", world->store_text());
    fmt::print("certificates   {}\n", counts_text(counts));
    return 0;
}

Result<Running::Answer> ask_status(const Common& common) {
    auto running = Running::find(common.config, storage_of(common.config));
    if (!running) return running.error();
    return running->ask({{"command", "status"}}, std::chrono::seconds{10});
}

}  // namespace

int status(const Common& common) {
    const auto answer = ask_status(common);
    if (answer) {
        common.json ? print_json(answer->json) : print_text(answer->json);
        return 0;
    }
    if (answer.error().code == Errc::not_found) return stored_status(common, answer.error());
    std::fprintf(stderr, "mesh: %s\n", answer.error().message.c_str());
    return 1;
}

int health(const Common& common) {
    const auto answer = ask_status(common);
    const bool healthy = answer && answer->json.value("healthy", false);
    if (common.json) {
        Json document = {{"version", 1}, {"healthy", healthy}};
        if (answer)
            document["pid"] = answer->json.at("pid");
        else
            document["reason"] = answer.error().message;
        print_json(document);
    } else if (!answer) {
        fmt::print("unhealthy: {}\n", answer.error().message);
    } else {
        fmt::print("{}: pid {}{}\n",
                   healthy ? "healthy" : "unhealthy",
                   answer->json.at("pid").dump(),
                   healthy ? "" : " is stopping");
    }
    return healthy ? 0 : 1;
}

}  // namespace mesh::cli

#include "app/control_commands.hpp"

#include "app/version.hpp"
#include "base/idn.hpp"
#include "base/time_text.hpp"
#include "config/finding_json.hpp"
#include "control/plan_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace mesh::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t page_max = 1'000;
constexpr std::size_t servers_told_max = 32;
constexpr std::size_t names_max = 10'000;

/// Ends a command with an answer that says why.
struct Refusal {
    std::string code;
    std::string message;
};

std::string text_of(const Json& document) {
    // A file name need not be UTF-8.
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string error_text(const Refusal& refusal) {
    return text_of(
        {{"version", 1}, {"error", {{"code", refusal.code}, {"message", refusal.message}}}});
}

Json time_or_null(const std::optional<WallTime>& time) {
    return time ? Json(rfc3339(*time)) : Json(nullptr);
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

std::string string_of(const Json& request, const char* key) {
    const auto found = request.find(key);
    if (found == request.end()) return {};
    if (!found->is_string()) throw Refusal{"bad_request", std::string(key) + " is not a text"};
    return found->get<std::string>();
}

HostPattern name_of(const std::string& text) {
    auto parsed = parse_written_name(text);
    if (!parsed) throw Refusal{"bad_request", parsed.error().message};
    return std::move(*parsed);
}

bool same_file(const std::string& a, const std::string& b) {
    std::error_code unknown;
    return a == b || std::filesystem::equivalent(a, b, unknown);
}

Json refused_json(const std::optional<RefusedReload>& refused) {
    if (!refused) return nullptr;
    return {
        {"at", rfc3339(refused->at)}, {"summary", refused->summary}, {"errors", refused->errors}};
}

Json certificates_json(const control::Reconciler* reconciler) {
    using State = control::CertificateState;
    Json counts = Json::object();
    auto states = reconciler != nullptr ? reconciler->states() : std::map<State, std::size_t>{};
    for (const State state : {State::valid,
                              State::due,
                              State::missing,
                              State::expired,
                              State::not_yet_valid,
                              State::unwanted})
        counts[std::string(control::to_string(state))] = states[state];
    return counts;
}

Json authorities_json(const control::Reconciler* reconciler) {
    Json list = Json::array();
    if (reconciler == nullptr) return list;
    for (const control::CaLine& line : reconciler->authorities())
        list.push_back({{"directory", line.directory},
                        {"state", line.state},
                        {"until", time_or_null(line.until)},
                        {"reason", text_or_null(line.reason)}});
    return list;
}

Json isolated_json(const std::vector<config::Isolated>& objects) {
    Json list = Json::array();
    for (const config::Isolated& object : objects) {
        if (list.size() == page_max) break;
        list.push_back({{"path", object.path},
                        {"state", config::to_string(object.state)},
                        {"reason", object.reason}});
    }
    return list;
}

Json kept_json(const std::map<std::string, std::string>& files) {
    Json list = Json::array();
    for (const auto& [file, reason] : files) list.push_back({{"file", file}, {"reason", reason}});
    return list;
}

Json providers_json(const std::vector<FollowedProvider>& providers) {
    Json list = Json::array();
    for (const FollowedProvider& provider : providers)
        list.push_back({{"name", provider.name},
                        {"reachable", provider.state.reachable},
                        {"since", rfc3339(provider.state.since)},
                        {"reason", text_or_null(provider.state.reason)},
                        {"units", provider.state.units}});
    return list;
}

/// Of services whose servers a provider says; bounded, for one answer.
Json followed_services_json(const model::Configuration& configuration) {
    Json list = Json::array();
    for (const auto& [name, service] : configuration.services) {
        if (service.sources.empty()) continue;
        if (list.size() == page_max) break;
        Json servers = Json::array();
        for (const model::Server& server : service.servers) {
            if (servers.size() == servers_told_max) break;
            servers.push_back(server.text());
        }
        list.push_back(
            {{"name", name}, {"servers", std::move(servers)}, {"count", service.servers.size()}});
    }
    return list;
}

std::string_view text_of(proxy::ServerState::Standing standing) {
    using Standing = proxy::ServerState::Standing;
    if (standing == Standing::in) return "in";
    return standing == Standing::down ? "down" : "out";
}

/// Those that are not in first; bounded, for one answer.
Json servers_json(const ServerLines& servers) {
    Json list = Json::array();
    for (const ServerLine& line : servers.lines)
        list.push_back({{"service", line.service},
                        {"server", line.server},
                        {"state", text_of(line.standing)},
                        {"since", time_or_null(line.since)},
                        {"reason", text_or_null(line.reason)},
                        {"connections", line.connections},
                        {"weight", line.weight}});
    return {{"count", servers.servers},
            {"out", servers.out},
            {"down", servers.down},
            {"list", std::move(list)}};
}

Json connections_json(const proxy::Counters& counters) {
    Json ended = Json::object();
    for (std::size_t i = 0; i < proxy::causes; ++i)
        ended[std::string(to_string(static_cast<proxy::Cause>(i)))] = counters.ended[i];
    return {{"open", counters.open},
            {"accepted", counters.accepted},
            {"crowded_out", counters.crowded_out},
            {"challenges_answered", counters.challenges_answered},
            {"handshakes", counters.handshakes},
            {"handshakes_resumed", counters.handshakes_resumed},
            {"dials_failed", counters.dials_failed},
            {"established", counters.established},
            {"bytes_up", counters.bytes_up},
            {"bytes_down", counters.bytes_down},
            {"ended", std::move(ended)}};
}

Json status_json(Controlled& process) {
    const ProcessStatus status = process.status();
    const auto seconds = [&](WallTime since) {
        return std::chrono::duration_cast<std::chrono::seconds>(status.now - since).count();
    };
    const control::Reconciler* reconciler = process.reconciler();
    return {{"version", 1},
            {"running", true},
            {"healthy", !status.draining},
            {"pid", ::getpid()},
            {"mesh_version", version()},
            {"commit", commit()},
            {"started", rfc3339(status.started)},
            {"draining", status.draining},
            {"configuration",
             {{"file", status.configuration},
              {"sha256", text_or_null(status.sha256)},
              {"applied", rfc3339(status.applied)},
              {"age_seconds", seconds(status.applied)},
              {"last_good", status.last_good},
              {"refused_reload", refused_json(status.refused)},
              {"objects", isolated_json(status.isolated)},
              {"kept_files", kept_json(status.kept_files)}}},
            {"store",
             status.storage.empty() ? Json(nullptr)
                                    : Json{{"path", status.storage},
                                           {"writable", status.storage_writable},
                                           {"orders", reconciler != nullptr}}},
            {"providers", providers_json(status.providers)},
            {"services", followed_services_json(process.configuration())},
            {"servers", servers_json(process.servers(page_max))},
            {"certificates", certificates_json(reconciler)},
            {"authorities", authorities_json(reconciler)},
            {"connections", connections_json(status.connections)}};
}

Json files_json(const std::vector<FileCertificate>& files) {
    Json list = Json::array();
    for (const FileCertificate& file : files) {
        Json names = Json::array();
        for (const HostPattern& name : file.entry->names) names.push_back(name.text());
        list.push_back({{"file", file.file},
                        {"names", std::move(names)},
                        {"not_before", rfc3339(file.entry->not_before)},
                        {"not_after", rfc3339(file.entry->not_after)}});
    }
    return list;
}

/// One page, composed of texts: what is in the lines was made JSON once already.
std::string certificates_text(Controlled& process, const Json& request) {
    control::LineQuery query;
    query.limit = std::min<std::size_t>(request.value("limit", 500U), page_max);
    if (query.limit == 0) throw Refusal{"bad_request", "limit is not a number above 0"};
    if (const std::string name = string_of(request, "name"); !name.empty())
        query.name = name_of(name);
    if (const auto after = request.find("after"); after != request.end() && !after->is_null())
        query.after = store::CertificateKey{after->at("directory").get<std::string>(),
                                            after->at("names").get<std::vector<std::string>>()};
    control::LinePage page;
    if (const control::Reconciler* reconciler = process.reconciler())
        page = reconciler->lines(query);
    Json rest = {{"pid", ::getpid()},
                 {"next", nullptr},
                 {"files", files_json(process.status().file_certificates)}};
    if (page.last)
        rest["next"] = {{"directory", page.last->directory}, {"names", page.last->names}};
    return R"({"version":1,"certificates":)" + control::lines_json(page.lines) + "," +
           text_of(rest).substr(1);
}

/// Who keeps the certificates; without one there is nothing to change.
control::Reconciler& keeper_of(Controlled& process) {
    if (control::Reconciler* const reconciler = process.reconciler()) return *reconciler;
    if (process.status().draining) throw Refusal{"no_orders", "mesh is stopping"};
    throw Refusal{"no_orders", "nothing is ordered here: no resolver, or no store to read"};
}

Json renew_json(Controlled& process, const Json& request) {
    control::Reconciler& reconciler = keeper_of(process);
    control::RenewRequest renew;
    renew.failed = request.value("failed", false);
    for (const auto& name : request.value("names", std::vector<std::string>{})) {
        if (renew.names.size() == names_max) throw Refusal{"bad_request", "too many names"};
        renew.names.push_back(name_of(name));
    }
    Json lines = Json::array();
    for (const control::RenewLine& line : reconciler.renew(renew))
        lines.push_back({{"names", line.names},
                         {"directory", line.directory},
                         {"outcome", control::to_string(line.outcome)},
                         {"until", time_or_null(line.until)},
                         {"reason", text_or_null(line.reason)}});
    return {{"version", 1}, {"certificates", std::move(lines)}};
}

void answer_import(Controlled& process, const Json& request, const ipc::Reply& reply) {
    control::Reconciler& reconciler = keeper_of(process);
    const auto& resolvers = process.configuration().resolvers;
    const auto resolver = resolvers.find(string_of(request, "resolver"));
    if (resolver == resolvers.end())
        throw Refusal{"bad_request", "the running configuration has no such resolver"};
    std::vector<control::ImportItem> items;
    for (const Json& item : request.at("items"))
        items.push_back(
            {string_of(item, "label"), string_of(item, "chain"), Secret(string_of(item, "key"))});
    if (items.size() > control::import_batch_size)
        throw Refusal{
            "bad_request",
            "at most " + std::to_string(control::import_batch_size) + " certificates at once"};
    reconciler.import({resolver->second.ca_server, resolver->second.name},
                      std::move(items),
                      [reply](const std::vector<control::ImportLine>& lines) {
                          Json list = Json::array();
                          for (const control::ImportLine& line : lines)
                              list.push_back({{"source", line.label},
                                              {"outcome", control::to_string(line.outcome)},
                                              {"names", line.names},
                                              {"serial", line.serial},
                                              {"not_after", time_or_null(line.not_after)},
                                              {"message", line.message}});
                          reply(text_of({{"version", 1}, {"items", std::move(list)}}));
                      });
}

void answer_reload(Controlled& process, const ipc::Reply& reply) {
    process.reload([reply](const ReloadOutcome& outcome) {
        Json findings = Json::array();
        for (const config::Finding& finding : outcome.findings)
            findings.push_back(config::to_json(finding));
        reply(text_of({{"version", 1},
                       {"applied", outcome.applied},
                       {"summary", outcome.summary},
                       {"findings", std::move(findings)}}));
    });
}

void answer_upgrade(Controlled& process, const Json& request, const ipc::Reply& reply) {
    UpgradeRequest wanted;
    wanted.program = string_of(request, "program");
    if (const auto time = request.find("ready_within_ms"); time != request.end())
        wanted.ready_within =
            std::min(wanted.ready_within, std::chrono::milliseconds(time->get<std::uint32_t>()));
    process.upgrade(wanted, [reply](const UpgradeOutcome& outcome) {
        reply(text_of({{"version", 1},
                       {"serving", outcome.serving},
                       {"pid", outcome.serving ? outcome.pid : ::getpid()},
                       {"summary", outcome.summary},
                       {"findings", outcome.findings}}));
    });
}

void dispatch(Controlled& process, const std::string& text, const ipc::Reply& reply) {
    const Json request = Json::parse(text, nullptr, false);
    if (!request.is_object()) throw Refusal{"bad_request", "a request is one JSON object"};
    if (request.value("version", 0) != 1)
        throw Refusal{"unsupported_version", "this mesh speaks version 1"};
    const std::string file = string_of(request, "configuration");
    if (!file.empty() && !same_file(file, process.status().configuration))
        throw Refusal{"other_configuration",
                      "the process that listens here runs on " + process.status().configuration};
    const std::string command = string_of(request, "command");
    if (command == "hello") return reply(text_of({{"version", 1}, {"pid", ::getpid()}}));
    if (command == "status") return reply(text_of(status_json(process)));
    if (command == "certificates") return reply(certificates_text(process, request));
    if (command == "renew") return reply(text_of(renew_json(process, request)));
    if (command == "import") return answer_import(process, request, reply);
    if (command == "reload") return answer_reload(process, reply);
    if (command == "upgrade") return answer_upgrade(process, request, reply);
    throw Refusal{"unknown_command",
                  "commands: certificates, hello, import, reload, renew, status, upgrade"};
}

}  // namespace

void ControlCommands::run(const std::string& request, const ipc::Reply& reply) {
    try {
        dispatch(process_, request, reply);
    } catch (const Refusal& refusal) {
        reply(error_text(refusal));
    } catch (const nlohmann::json::exception&) {
        // Its own words may quote the request, which may hold a key.
        reply(error_text({"bad_request", "a value is missing or not of its kind"}));
    } catch (const std::exception& error) {
        reply(error_text({"internal", error.what()}));
    }
}

}  // namespace mesh::app

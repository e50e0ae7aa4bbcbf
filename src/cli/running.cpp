#include "cli/running.hpp"

#include "app/control_paths.hpp"
#include "base/time_text.hpp"
#include "config/load.hpp"
#include "control/plan_json.hpp"

#include <filesystem>

namespace mesh::cli {
namespace {

using Json = Running::Json;

/// A process that does not take a command apart for this long hangs.
constexpr std::chrono::seconds greeting_timeout{10};

Error error_of(const Json& answer) {
    const Json& error = answer.at("error");
    const std::string code = error.value("code", "");
    return {code == "other_configuration" ? Errc::not_found
            : code == "permission"        ? Errc::permission
                                          : Errc::invalid,
            Origin::internal,
            error.value("message", code)};
}

WallTime time_of(const Json& json, const char* key) {
    return parse_rfc3339(json.at(key).get<std::string>()).value();
}

void add_page(const Json& page, LiveCertificates& all) {
    auto lines = control::parse_lines(page.at("certificates").dump()).value();
    all.pid = page.value("pid", 0);
    std::move(lines.begin(), lines.end(), std::back_inserter(all.lines));
    all.files.clear();
    for (const Json& file : page.at("files"))
        all.files.push_back({file.at("file").get<std::string>(),
                             file.at("names").get<std::vector<std::string>>(),
                             time_of(file, "not_before"),
                             time_of(file, "not_after")});
}

}  // namespace

std::string storage_of(const std::string& config) {
    return config::load_file(config, {config::process_environment, true}).storage;
}

Result<Running> Running::find(const std::string& config, const std::string& storage) {
    Error unreachable{Errc::not_found, Origin::internal, {}};
    for (const std::string& path : app::control_candidates(storage, app::runtime_directory())) {
        auto client = ipc::Client::connect(path);
        if (client) {
            Running running(std::move(*client), std::filesystem::absolute(config));
            auto greeted = running.ask({{"command", "hello"}}, greeting_timeout);
            if (greeted) return running;
            if (greeted.error().code != Errc::not_found && path != app::service_socket)
                return greeted.error();
            unreachable.message = greeted.error().message;
        } else if (client.error().code != Errc::not_found && path != app::service_socket) {
            return client.error();
        } else if (path != app::service_socket || unreachable.message.empty()) {
            unreachable.message +=
                (unreachable.message.empty() ? "nobody listens on " : " or ") + path;
        }
    }
    return unreachable;
}

Result<Running::Answer> Running::ask(Json request, std::chrono::milliseconds timeout) {
    request["version"] = 1;
    request["configuration"] = config_;
    const auto line =
        client_.ask(request.dump(-1, ' ', false, Json::error_handler_t::replace), timeout);
    if (!line) return line.error();
    Json answer = Json::parse(*line, nullptr, false);
    if (!answer.is_object())
        return Error{Errc::invalid, Origin::internal, "the answer is no JSON object"};
    if (answer.contains("error")) return error_of(answer);
    return Answer{std::move(answer)};
}

Result<LiveCertificates> Running::certificates(const std::string& name) {
    LiveCertificates all;
    Json request = {{"command", "certificates"}};
    if (!name.empty()) request["name"] = name;
    try {
        for (;;) {
            const auto answer = ask(request);
            if (!answer) return answer.error();
            const Json& page = answer->json;
            add_page(page, all);
            if (page.at("next").is_null()) return all;
            request["after"] = page.at("next");
        }
    } catch (const std::exception& error) {
        return Error{Errc::invalid,
                     Origin::internal,
                     std::string("the answer cannot be read: ") + error.what()};
    }
}

}  // namespace mesh::cli

#include "providers/docker_event.hpp"

#include "config/quote.hpp"
#include "providers/docker_json.hpp"

#include <algorithm>

namespace mesh::providers {
namespace {

constexpr std::size_t words_of_daemon_max = 200;

/// Actions that change neither what runs nor where it is reached. "cleanup" and the like are
/// Podman's; "create" is none that runs yet.
bool changes_nothing(std::string_view action) {
    constexpr std::string_view idle[] = {
        "attach",    "commit", "copy",           "create",       "detach", "exec_die", "exec",
        "exec_died", "export", "extract-to-dir", "archive-path", "init",   "mount",    "resize",
        "sync",      "top",    "unmount",        "checkpoint",   "prune",  "cleanup"};
    return action.starts_with("exec_create") || action.starts_with("exec_start") ||
           std::find(std::begin(idle), std::end(idle), action) != std::end(idle);
}

/// Docker's action is "health_status: healthy"; Podman says the word beside it.
std::optional<Container::Health> health_in_event(std::string_view action,
                                                 const DockerMembers& event) {
    constexpr std::string_view begin = "health_status";
    if (!action.starts_with(begin)) return std::nullopt;
    action.remove_prefix(begin.size());
    if (action.starts_with(": ")) action.remove_prefix(2);
    const auto health =
        docker_health(action.empty() ? event.text("HealthStatus") : std::string(action));
    if (health == Container::Health::none) return std::nullopt;
    return health;
}

}  // namespace

Result<DockerEvent> parse_docker_event(std::string_view line) {
    auto document = parse_docker_json(line);
    if (!document) return document.error();
    std::string wrong;
    const DockerMembers root(document->root, "", wrong);
    const std::string type = root.text("Type");
    const std::string action = root.text("Action");
    const DockerMembers actor = root.object("Actor");
    DockerEvent out;
    out.matters = !changes_nothing(action);
    if (type == "container") {
        out.container = actor.text("ID");
        out.health = health_in_event(action, root);
    }
    if (type == "network") out.container = actor.object("Attributes").text("container");
    if (!is_container_id(out.container)) out.container.clear();
    if (wrong.empty() && type.empty()) {
        const std::string message = root.text("message");
        wrong =
            message.empty() ? "it has no type" : config::printable(message, words_of_daemon_max);
    }
    if (!wrong.empty()) return Error{Errc::invalid, Origin::upstream, wrong};
    return out;
}

// Unescaped quotes cannot stand inside a JSON text, and before the actor, whose attributes are a
// container's labels too, all members are the event's own.
bool is_docker_noise(std::string_view line) {
    return line.substr(0, line.find(R"("Actor")")).find(R"("Action":"exec_)") !=
           std::string_view::npos;
}

}  // namespace mesh::providers

#include "app/control_endpoint.hpp"

#include <exception>
#include <utility>

namespace mesh::app {
namespace {

/// More wait in the kernel's queue than are served at once.
constexpr int backlog = 64;

}  // namespace

ControlEndpoint::ControlEndpoint(const ControlPaths& paths,
                                 Place place,
                                 Controlled& process,
                                 Executor& control,
                                 const Clock& clock,
                                 Log& log)
    : commands_(process) {
    auto bound = place == Place::free ? ipc::BoundSocket::bind(paths.socket, backlog)
                                      : ipc::BoundSocket::take_over(paths.socket, backlog);
    if (!bound) {
        log.warn("control_socket_failed",
                 "commands cannot reach this process; signals still do",
                 {{"path", paths.socket}, {"error", bound.error().message}});
        return;
    }
    try {
        server_.emplace(
            std::move(*bound),
            ipc::ServerSettings{},
            [this, &control](std::string request, ipc::Reply reply) {
                control.post([this, request = std::move(request), reply = std::move(reply)] {
                    commands_.run(request, reply);
                });
            },
            clock,
            log);
    } catch (const std::exception& error) {
        // No thread or descriptor is left: not worth the connections that are served.
        log.error("control_socket_failed",
                  "commands cannot reach this process; signals still do",
                  {{"path", paths.socket}, {"error", error.what()}});
        return;
    }
    log.debug("control_socket", "commands are taken here", {{"path", paths.socket}});
    if (paths.link.empty()) return;
    if (const Status linked = ipc::point_to(paths.link, paths.socket); !linked)
        log.warn("control_socket_failed",
                 "commands find this process only by $RUNTIME_DIRECTORY",
                 {{"path", paths.link}, {"error", linked.error().message}});
}

}  // namespace mesh::app

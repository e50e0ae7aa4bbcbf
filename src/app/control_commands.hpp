#pragma once
#include "app/controlled.hpp"
#include "ipc/server.hpp"

#include <string>

namespace mesh::app {

/// The commands of the control socket: a JSON object each, answered by one (docs/commands.md has
/// the protocol).
class ControlCommands {
 public:
    explicit ControlCommands(Controlled& process) : process_(process) {}

    /// On the control thread. Answers once, at once or when what was asked for is done.
    void run(const std::string& request, const ipc::Reply& reply);

 private:
    Controlled& process_;
};

}  // namespace mesh::app

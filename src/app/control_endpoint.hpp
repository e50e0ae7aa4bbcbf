#pragma once
#include "app/control_commands.hpp"
#include "app/control_paths.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "ipc/server.hpp"

#include <memory>
#include <optional>

namespace mesh::app {

/// The control socket of this process. Where it cannot be made the log says why and mesh serves
/// without: SIGHUP and SIGTERM still work.
class ControlEndpoint {
 public:
    /// Listens at once; requests are run on `control`, whose tasks must not outlive this object.
    ControlEndpoint(const ControlPaths& paths,
                    Controlled& process,
                    Executor& control,
                    const Clock& clock,
                    Log& log);
    [[nodiscard]] bool listens() const { return server_.has_value(); }

 private:
    ControlCommands commands_;
    std::optional<ipc::Server> server_;
};

}  // namespace mesh::app

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
    enum class Place {
        free,      ///< nobody listens there, or somebody who is not to be disturbed
        replaced,  ///< of the process that this one replaces
    };

    /// Listens at once; requests are run on `control`, whose tasks must not outlive this object.
    ControlEndpoint(const ControlPaths& paths,
                    Place place,
                    Controlled& process,
                    Executor& control,
                    const Clock& clock,
                    Log& log);
    [[nodiscard]] bool listens() const { return server_.has_value(); }
    /// It listens, and nobody who comes now finds it: the file is gone, or another process's.
    [[nodiscard]] bool is_lost() const { return server_ && !server_->is_found(); }

 private:
    ControlCommands commands_;
    std::optional<ipc::Server> server_;
};

}  // namespace mesh::app

#pragma once
#include "base/log.hpp"
#include "proxy/inherited_socket.hpp"

#include <vector>

namespace mesh::app {

/// What a service manager has passed to this process: sd_listen_fds(3)'s protocol.
struct PassedDescriptor {
    proxy::FileDescriptor descriptor;
    std::string name;  ///< of $LISTEN_FDNAMES; "unknown" without one
};

/// Takes the descriptors, and the variables out of the environment, so that no child of ours takes
/// them for its own. Nothing when they are meant for another process ($LISTEN_PID). Call once,
/// before there is a second thread.
[[nodiscard]] std::vector<PassedDescriptor> take_passed_descriptors();

/// Those that listen for TCP connections; the others are closed, with a warning each.
[[nodiscard]] std::vector<proxy::InheritedSocket> usable(std::vector<PassedDescriptor> passed,
                                                         int backlog,
                                                         Log& log);

}  // namespace mesh::app

#pragma once
#include "base/result.hpp"
#include "ipc/process_handle.hpp"

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace mesh::ipc {

/// The process that is to replace this one. It is no child of ours but a sibling: whoever watches
/// over this process (systemd) is told of the end of that one, and nobody inherits it when we go.
class Successor {
 public:
    /// The descriptor it finds the given one at.
    static constexpr int passed_descriptor = 3;

    struct Start {
        std::string program;                   ///< a path
        std::vector<std::string> arguments;    ///< the first is the program's name
        std::vector<std::string> environment;  ///< NAME=value
        int descriptor = -1;                   ///< all others are closed, but 0, 1 and 2
    };
    /// Runs the program. Until it is there, which may be a little later than this returns, the new
    /// process has copies of all our descriptors: who closes one that is in an epoll set takes it
    /// out first. No signal is blocked in it. Waits until it runs or cannot be run, which is a
    /// matter of reading its first page. Errors: those of execve(2), as not_found, permission, io.
    [[nodiscard]] static Result<Successor> start(const Start& how);

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// SIGKILL, to it and nobody else: also when it has ended and its number is another's.
    void kill() const { handle_.kill(); }
    /// Waits for its end; false: not by then.
    [[nodiscard]] bool wait_end(std::chrono::steady_clock::time_point end) const {
        return handle_.wait_end(end);
    }

 private:
    Successor(pid_t pid, ProcessHandle handle) : pid_(pid), handle_(std::move(handle)) {}

    pid_t pid_;
    ProcessHandle handle_;
};

}  // namespace mesh::ipc

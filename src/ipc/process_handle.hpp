#pragma once
#include "base/result.hpp"
#include "ipc/descriptor.hpp"

#include <chrono>
#include <sys/types.h>
#include <utility>

namespace mesh::ipc {

/// One process, and no other one that has its number later: pidfd_open(2).
class ProcessHandle {
 public:
    /// Errors: io, also where there is no such process.
    [[nodiscard]] static Result<ProcessHandle> open(pid_t pid);
    /// A pidfd that is there already.
    explicit ProcessHandle(Descriptor pidfd) : pidfd_(std::move(pidfd)) {}

    /// SIGKILL; nothing when it has ended.
    void kill() const;
    /// Waits for its end; false: not by then.
    [[nodiscard]] bool wait_end(std::chrono::steady_clock::time_point end) const;

 private:
    Descriptor pidfd_;
};

}  // namespace mesh::ipc

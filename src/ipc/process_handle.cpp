#include "ipc/process_handle.hpp"

#include "ipc/unix_path.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mesh::ipc {

Result<ProcessHandle> ProcessHandle::open(pid_t pid) {
    Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) return system_error("pidfd_open", errno);
    return ProcessHandle(std::move(pidfd));
}

void ProcessHandle::kill() const {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

bool ProcessHandle::wait_end(std::chrono::steady_clock::time_point end) const {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd polled{pidfd_.get(), POLLIN, 0};
        const int ready =
            ::poll(&polled, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
        if (ready > 0) return true;
        if (left.count() <= 0) return false;
    }
}

}  // namespace mesh::ipc

#pragma once
#include <functional>
#include <thread>

namespace mesh {

/// A thread on which no signal of the process is handled: they are left to the thread that waits
/// for them, and a write to a reader that is gone is EPIPE there, not SIGPIPE. `name` is what tools
/// show (15 bytes at most). The caller's own signal mask is afterwards what it was, also when there
/// is no thread to be had, which throws std::system_error.
[[nodiscard]] std::thread quiet_thread(const char* name, std::function<void()> work);

}  // namespace mesh

#pragma once
#include <atomic>
#include <functional>
#include <signal.h>
#include <thread>

namespace mesh::app {

/// Turns signals into calls on one thread of its own, so that no code runs in a handler. Create
/// it before any other thread: they inherit the blocked mask.
class SignalThread {
 public:
    SignalThread();  ///< blocks SIGTERM, SIGINT, SIGHUP, SIGUSR1; ignores SIGPIPE
    ~SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;

    /// Starts delivery; `on_signal` runs on the signal thread.
    void start(std::function<void(int)> on_signal);

 private:
    sigset_t set_{};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace mesh::app

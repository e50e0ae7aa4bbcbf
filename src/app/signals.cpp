#include "app/signals.hpp"

#include "base/quiet_thread.hpp"

#include <pthread.h>

namespace mesh::app {

SignalThread::SignalThread() {
    ::sigemptyset(&set_);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set_, number);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    // A file that must not grow any more is a write that fails, not the end of mesh.
    ::signal(SIGXFSZ, SIG_IGN);
}

void SignalThread::start(std::function<void(int)> on_signal) {
    thread_ = quiet_thread("mesh-signals", [this, on_signal = std::move(on_signal)] {
        int number = 0;
        while (::sigwait(&set_, &number) == 0 && !stopping_) on_signal(number);
    });
}

SignalThread::~SignalThread() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
}

}  // namespace mesh::app

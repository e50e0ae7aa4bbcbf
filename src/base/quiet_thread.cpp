#include "base/quiet_thread.hpp"

#include <csignal>
#include <pthread.h>
#include <utility>

namespace mesh {
namespace {

class SignalsBlocked {
 public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
    sigset_t before_{};
};

}  // namespace

std::thread quiet_thread(const char* name, std::function<void()> work) {
    const SignalsBlocked blocked;  // what starts now inherits the mask
    std::thread thread(std::move(work));
    ::pthread_setname_np(thread.native_handle(), name);
    return thread;
}

}  // namespace mesh

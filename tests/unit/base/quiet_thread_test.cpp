#include "base/quiet_thread.hpp"

#include "support/catch.hpp"

#include <csignal>
#include <pthread.h>
#include <system_error>

using namespace mesh;

namespace {

bool is_blocked(int signal) {
    sigset_t now;
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &now) == 0);
    return ::sigismember(&now, signal) == 1;
}

/// While it lives no thread can be made: each would get a stack larger than any address space.
class NoThreads {
 public:
    NoThreads() {
        REQUIRE(::pthread_getattr_default_np(&before_) == 0);
        pthread_attr_t huge;
        REQUIRE(::pthread_getattr_default_np(&huge) == 0);
        REQUIRE(::pthread_attr_setstacksize(&huge, std::size_t{1} << 60U) == 0);
        REQUIRE(::pthread_setattr_default_np(&huge) == 0);
        ::pthread_attr_destroy(&huge);
    }
    ~NoThreads() {
        ::pthread_setattr_default_np(&before_);
        ::pthread_attr_destroy(&before_);
    }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;

 private:
    pthread_attr_t before_{};
};

}  // namespace

TEST_CASE("quiet thread: signals stay with who waits for them") {
    bool blocked = false;
    quiet_thread("quiet", [&] { blocked = is_blocked(SIGTERM) && is_blocked(SIGHUP); }).join();
    CHECK(blocked);
    CHECK_FALSE(is_blocked(SIGTERM));
}

TEST_CASE("quiet thread: a thread that is not to be had leaves the caller its signals") {
    {
        const NoThreads none;
        CHECK_THROWS_AS(quiet_thread("none", [] {}), std::system_error);
    }
    CHECK_FALSE(is_blocked(SIGTERM));
    CHECK_FALSE(is_blocked(SIGHUP));
}

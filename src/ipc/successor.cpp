#include "ipc/successor.hpp"

#include "ipc/unix_path.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
extern "C" int __clone(int (*)(void*), void*, int, void*, ...) noexcept;  // NOLINT: glibc's name
#endif

namespace mesh::ipc {
namespace {

#if defined(__SANITIZE_THREAD__)
// The sanitizer takes clone(2) for fork(2): in the child it forgets all our other threads, in
// memory that is ours too. The same function by its other name it leaves alone.
constexpr auto clone_sharing_memory = &::__clone;
#else
constexpr auto clone_sharing_memory = &::clone;
#endif

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (const std::string& text : texts)
        out.push_back(const_cast<char*>(text.c_str()));  // NOLINT: execve changes nothing
    out.push_back(nullptr);
    return out;
}

/// Closed one by one where the kernel closes no ranges: libraries open theirs early, with low
/// numbers, and all that we open ourselves has FD_CLOEXEC.
constexpr int closed_one_by_one = 65'536;

struct Execution {
    const char* program;
    char* const* arguments;
    char* const* environment;
    int descriptor;
    int error;
};

/// In the new process, which uses our memory until it runs the program: system calls only, and
/// nothing that a sanitizer would note about a stack that nobody returns on.
[[gnu::no_sanitize_address, gnu::no_sanitize_thread, gnu::no_sanitize_undefined]] int execute(
    void* argument) {
    auto& how = *static_cast<Execution*>(argument);
    constexpr int target = Successor::passed_descriptor;
    if (how.descriptor == target)
        ::syscall(SYS_fcntl, target, F_SETFD, 0);
    else
        ::syscall(SYS_dup3, how.descriptor, target, 0);
    // The table of descriptors is a copy: nothing of this is seen where they came from.
    constexpr int first_unwanted = target + 1;
    if (::syscall(SYS_close_range, first_unwanted, ~0U, 0) != 0)
        for (int fd = first_unwanted; fd < closed_one_by_one; ++fd) ::syscall(SYS_close, fd);
    const std::uint64_t no_signals = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, sizeof no_signals);
    ::syscall(SYS_execve, how.program, how.arguments, how.environment);
    how.error = errno;
    ::syscall(SYS_exit_group, 127);
    return 127;
}

}  // namespace

Result<Successor> Successor::start(const Start& how) {
    const std::vector<char*> arguments = pointers(how.arguments);
    const std::vector<char*> environment = pointers(how.environment);
    Execution execution{
        how.program.c_str(), arguments.data(), environment.data(), how.descriptor, 0};
    // As posix_spawn(3) does it, which makes children only: the memory is shared, so that the
    // tables of a big process are not copied while its workers wait for theirs, and this thread
    // sleeps until the program runs.
    constexpr int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PIDFD | SIGCHLD;
    alignas(64) std::array<std::byte, 65'536> stack;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    int handle = -1;
    const int pid =
        clone_sharing_memory(execute, stack.data() + stack.size(), flags, &execution, &handle);
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return system_error("clone", error);
    Successor successor(pid, ProcessHandle(Descriptor(handle)));
    if (execution.error != 0) return system_error(how.program, execution.error);
    return successor;
}

}  // namespace mesh::ipc

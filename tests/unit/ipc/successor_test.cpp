#include "ipc/successor.hpp"

#include "folder.hpp"
#include "ipc/descriptor.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <fstream>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace mesh;
using namespace mesh::ipc;

namespace {

/// Of a program that is started with `passed`: the descriptors it finds, in ascending order.
std::vector<int> descriptors_of_successor(int passed) {
    const test::Folder folder;
    const std::string list = folder.file("descriptors");
    Successor::Start start;
    start.program = "/bin/sh";
    start.arguments = {"sh", "-c", "exec > " + list + "; ls /proc/$$/fd; exit 0"};
    start.environment = {"PATH=/usr/bin:/bin"};
    start.descriptor = passed;
    const auto successor = Successor::start(start);
    REQUIRE(successor.has_value());
    REQUIRE(successor->wait_end(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
    std::vector<int> found;
    std::ifstream lines(list);
    for (int number = 0; lines >> number;) found.push_back(number);
    std::sort(found.begin(), found.end());
    return found;
}

/// As in a kernel before 5.9, for this thread and what it starts.
bool forget_close_range() {
    std::array<sock_filter, 4> rules{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{rules.size(), rules.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// As libraries open them: without FD_CLOEXEC.
Descriptor inheritable(int at_least) {
    return Descriptor(::fcntl(STDERR_FILENO, F_DUPFD, at_least));
}

const std::vector<int> expected{0, 1, 2, Successor::passed_descriptor};

}  // namespace

TEST_CASE("successor: it has the descriptor it is given and no other", "[upgrade]") {
    const Descriptor low = inheritable(0);
    const Descriptor high = inheritable(200);
    CHECK(descriptors_of_successor(low.get()) == expected);
    CHECK(descriptors_of_successor(high.get()) == expected);
    CHECK(::fcntl(low.get(), F_GETFD) == 0);
    CHECK(::fcntl(high.get(), F_GETFD) == 0);
}

TEST_CASE("successor: so it has where the kernel closes no ranges of them", "[upgrade]") {
    const Descriptor passed = inheritable(0);
    const Descriptor other = inheritable(200);
    bool forgotten = false;
    std::vector<int> found;
    std::thread([&] {
        forgotten = forget_close_range();
        if (forgotten) found = descriptors_of_successor(passed.get());
    }).join();
    REQUIRE(forgotten);
    CHECK(found == expected);
}

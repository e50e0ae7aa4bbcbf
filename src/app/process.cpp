#include "app/process.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mesh::app {
namespace {

unsigned cpus_of_affinity() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

/// Our own cgroup's path in the v2 hierarchy ("0::/system.slice/mesh.service"), or empty.
std::string own_cgroup() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::")) return line.substr(3);
    return {};
}

}  // namespace

void protect_secrets() {
    ::umask(0077);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
}

std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

unsigned cpus_of_quota(const std::string& cpu_max) {
    std::istringstream words(cpu_max);
    unsigned long quota = 0;
    unsigned long period = 0;
    if (!(words >> quota >> period) || quota == 0 || period == 0) return 0;
    return static_cast<unsigned>(std::min(4096UL, (quota + period - 1) / period));
}

unsigned default_worker_count() {
    unsigned count = cpus_of_affinity();
    // A limit may sit on any level above us; the tightest one counts.
    std::string path = own_cgroup();
    while (!path.empty()) {
        std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
        std::string text;
        if (std::getline(file, text))
            if (const unsigned quota = cpus_of_quota(text)) count = std::min(count, quota);
        if (path == "/") break;
        path.resize(path.rfind('/'));
    }
    return std::max(1U, count);
}

bool running_as_root() {
    return ::geteuid() == 0;
}

bool stderr_is_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::string(stream) ==
           std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace mesh::app

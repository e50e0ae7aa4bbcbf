#include "app/process.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <system_error>
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

DescriptorShares share_out(std::size_t descriptors) {
    constexpr std::size_t store_and_such = 64;
    constexpr std::size_t checks_most = 128;
    DescriptorShares shares;
    shares.checks = std::clamp<std::size_t>(descriptors / 16, 1, checks_most);
    shares.pipes = std::min<std::size_t>(descriptors / 128, 128);
    const std::size_t reserve = store_and_such + shares.checks + 2 * shares.pipes;
    if (descriptors >= reserve + 2) shares.connections = (descriptors - reserve) / 2;
    return shares;
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

CommandLine own_command_line() {
    CommandLine own;
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    for (std::string argument; std::getline(file, argument, '\0');)
        own.arguments.push_back(std::move(argument));
    std::error_code failed;
    const bool has_path =
        !own.arguments.empty() && own.arguments.front().find('/') != std::string::npos;
    own.program = has_path ? std::filesystem::absolute(own.arguments.front(), failed).string()
                           : std::filesystem::read_symlink("/proc/self/exe", failed).string();
    return own;
}

bool follows_one_child(std::string_view init) {
    return init != "systemd" && init != "init";
}

std::string init_that_follows_one_child() {
    if (::getppid() != 1) return {};
    std::ifstream file("/proc/1/comm");
    std::string name;
    if (!std::getline(file, name)) name = "unknown";
    return follows_one_child(name) ? name : std::string();
}

std::vector<std::string> own_environment() {
    std::vector<std::string> variables;
    for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable)
        variables.emplace_back(*variable);
    return variables;
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

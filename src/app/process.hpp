#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::app {

/// Before the first key is read: no core dumps, no ptrace by the same user, new files 0600.
void protect_secrets();

/// Raises the soft limit of open files to the hard one; returns what is in force.
std::size_t raise_descriptor_limit();

/// What so many descriptors are for, besides the store, the CAs and the log.
struct DescriptorShares {
    std::size_t checks = 1;       ///< looks at servers that take place at once: one each
    std::size_t pipes = 0;        ///< two each
    std::size_t connections = 1;  ///< two each
};
[[nodiscard]] DescriptorShares share_out(std::size_t descriptors);

/// min(CPUs this process may run on, cgroup CPU quota rounded up), at least 1.
[[nodiscard]] unsigned default_worker_count();

/// The quota in a cgroup v2 cpu.max ("200000 100000"), rounded up to whole CPUs; 0 without one.
[[nodiscard]] unsigned cpus_of_quota(const std::string& cpu_max);

[[nodiscard]] bool running_as_root();

/// How this process was started.
struct CommandLine {
    std::string program;                 ///< absolute, as it was called: links are not resolved
    std::vector<std::string> arguments;  ///< the first is the program's name
};
/// Call at the start: the program's file may be replaced later. `program` is empty where the system
/// does not tell it.
[[nodiscard]] CommandLine own_command_line();

/// The name of process 1 when it is this one's parent and ends with the one child it started, as
/// the inits of containers do (docker run --init); empty: it is not, or goes on.
[[nodiscard]] std::string init_that_follows_one_child();
/// Whether a process 1 of this name (/proc/1/comm) does. Those that start a whole system do not.
[[nodiscard]] bool follows_one_child(std::string_view init);

/// NAME=value, all of them.
[[nodiscard]] std::vector<std::string> own_environment();

/// True if stderr goes to the journal (systemd's $JOURNAL_STREAM names its device and inode).
[[nodiscard]] bool stderr_is_journal();

}  // namespace mesh::app

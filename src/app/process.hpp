#pragma once
#include <cstddef>
#include <string>

namespace mesh::app {

/// Before the first key is read: no core dumps, no ptrace by the same user, new files 0600.
void protect_secrets();

/// Raises the soft limit of open files to the hard one; returns what is in force.
std::size_t raise_descriptor_limit();

/// min(CPUs this process may run on, cgroup CPU quota rounded up), at least 1.
[[nodiscard]] unsigned default_worker_count();

/// The quota in a cgroup v2 cpu.max ("200000 100000"), rounded up to whole CPUs; 0 without one.
[[nodiscard]] unsigned cpus_of_quota(const std::string& cpu_max);

[[nodiscard]] bool running_as_root();

/// True if stderr goes to the journal (systemd's $JOURNAL_STREAM names its device and inode).
[[nodiscard]] bool stderr_is_journal();

}  // namespace mesh::app

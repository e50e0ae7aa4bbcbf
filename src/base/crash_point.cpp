#include "base/crash_point.hpp"

#ifdef MESH_TEST_HOOKS

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <string>
#include <unistd.h>

namespace mesh {
namespace {

std::string environment(const char* variable) {
    const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
    return text != nullptr ? text : "";
}

/// Counts for the whole process: its threads pass points side by side.
class Passings {
 public:
    Passings()
        : crash_at_(environment("MESH_TEST_CRASH_AT")),
          list_(environment("MESH_TEST_CRASH_LIST")) {}

    void pass(const std::string& point) {
        if (crash_at_.empty() && list_.empty()) return;
        const std::lock_guard lock(mutex_);
        const unsigned count = ++counts_[point];
        const std::string passing = point + ':' + std::to_string(count);
        if (!list_.empty()) append(passing + '\n');
        if (passing == crash_at_ || (count == 1 && point == crash_at_)) ::kill(::getpid(), SIGKILL);
    }

 private:
    void append(const std::string& line) const {
        const int file = ::open(list_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (file < 0) return;
        // A list that cannot be written is noticed by who reads it.
        if (::write(file, line.data(), line.size()) < 0) ::perror("MESH_TEST_CRASH_LIST");
        ::close(file);
    }

    const std::string crash_at_;
    const std::string list_;
    std::mutex mutex_;
    std::map<std::string, unsigned> counts_;
};

}  // namespace

void crash_point(std::string_view moment, std::string_view what) {
    static Passings passings;
    std::string point(moment);
    point += ':';
    point += what;
    passings.pass(point);
}

}  // namespace mesh

#endif

#include "app/socket_activation.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace mesh::app {
namespace {

constexpr int first_passed = 3;
/// More is a mistake in the environment, not in a socket unit.
constexpr int passed_max = 4'096;

std::string taken(const char* variable) {
    const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
    std::string value = text != nullptr ? text : "";
    ::unsetenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
    return value;
}

std::optional<int> whole_number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Up to the next colon, which is cut off with it.
std::string next_name(std::string_view& names) {
    const std::size_t colon = names.find(':');
    const std::string name(names.substr(0, colon));
    names.remove_prefix(colon == std::string_view::npos ? names.size() : colon + 1);
    return name.empty() ? "unknown" : name;
}

}  // namespace

std::vector<PassedDescriptor> take_passed_descriptors() {
    const auto pid = whole_number(taken("LISTEN_PID"));
    const auto count = whole_number(taken("LISTEN_FDS"));
    const std::string all_names = taken("LISTEN_FDNAMES");
    std::vector<PassedDescriptor> passed;
    if (pid != ::getpid() || !count || *count > passed_max) return passed;
    std::string_view names = all_names;
    for (int fd = first_passed; fd < first_passed + *count; ++fd) {
        std::string name = next_name(names);
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) continue;  // no such descriptor
        passed.push_back({proxy::FileDescriptor(fd), std::move(name)});
    }
    return passed;
}

std::vector<proxy::InheritedSocket> usable(std::vector<PassedDescriptor> passed,
                                           int backlog,
                                           Log& log) {
    std::vector<proxy::InheritedSocket> sockets;
    for (PassedDescriptor& one : passed) {
        proxy::InheritedSocket socket = inherit(std::move(one.descriptor), one.name, backlog);
        socket.kept_elsewhere = true;
        if (socket.socket) {
            sockets.push_back(std::move(socket));
            continue;
        }
        const char* const reason = errno == EINVAL ? "it does not listen" : std::strerror(errno);
        log.warn("passed_socket_unused",
                 "a descriptor passed by the service manager is no listening TCP socket",
                 {{"name", one.name}, {"reason", reason}});
    }
    return sockets;
}

}  // namespace mesh::app

#include "app/supervisor.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace mesh::app {
namespace {

std::string take(const char* variable) {
    const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
    std::string value = text != nullptr ? text : "";
    ::unsetenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
    return value;
}

std::optional<std::int64_t> number(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
    return value;
}

struct Address {
    sockaddr_un name{};
    socklen_t size = 0;
};

std::optional<Address> address_of(const std::string& socket) {
    Address address;
    address.name.sun_family = AF_UNIX;
    const bool known = socket.starts_with('/') || socket.starts_with('@');
    if (!known || socket.size() >= sizeof address.name.sun_path) return std::nullopt;
    std::memcpy(address.name.sun_path, socket.data(), socket.size());
    if (socket.starts_with('@')) address.name.sun_path[0] = '\0';
    address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
    return address;
}

std::string monotonic_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000);
}

std::string with_status(std::string_view word, std::string_view status) {
    return std::string(word) + "\nSTATUS=" + std::string(status);
}

/// Somebody listens, and may hear more in a moment.
bool is_passing(int error) {
    return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

SupervisorSettings take_supervisor_settings() {
    SupervisorSettings settings;
    settings.socket = take("NOTIFY_SOCKET");
    const auto watchdog = number(take("WATCHDOG_USEC"));
    const std::string pid = take("WATCHDOG_PID");
    if (watchdog && (pid.empty() || number(pid) == ::getpid()))
        settings.watchdog = std::chrono::microseconds{*watchdog};
    return settings;
}

Supervisor::Supervisor(SupervisorSettings settings, Log& log)
    : settings_(std::move(settings)), log_(log) {
    if (settings_.socket.empty()) return;
    socket_ = proxy::FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const timeval second{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
}

void Supervisor::ready(std::string_view status) {
    tell(with_status("READY=1", status));
}

void Supervisor::reloading() {
    tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
}

void Supervisor::stopping(std::string_view status) {
    tell(with_status("STOPPING=1", status));
}

void Supervisor::status(std::string_view text) {
    tell("STATUS=" + std::string(text));
}

void Supervisor::alive() {
    (void)send("WATCHDOG=1", hands_over_ ? MSG_DONTWAIT : 0);
}

bool Supervisor::hand_over(pid_t successor) {
    const int flags = std::exchange(hands_over_, true) ? MSG_DONTWAIT : 0;
    if (!send("MAINPID=" + std::to_string(successor), flags)) return false;
    settings_ = {};
    return true;
}

std::vector<std::string> Supervisor::environment() const {
    std::vector<std::string> variables;
    if (!settings_.socket.empty()) variables.push_back("NOTIFY_SOCKET=" + settings_.socket);
    if (settings_.watchdog)
        variables.push_back("WATCHDOG_USEC=" + std::to_string(settings_.watchdog->count()));
    return variables;
}

void Supervisor::tell(std::string_view text) {
    if (!hands_over_) (void)send(text, 0);
}

bool Supervisor::send(std::string_view text, int flags) {
    if (settings_.socket.empty()) return true;
    const auto address = address_of(settings_.socket);
    ssize_t sent = -1;
    if (address)
        sent = ::sendto(socket_.get(),
                        text.data(),
                        text.size(),
                        MSG_NOSIGNAL | flags,
                        reinterpret_cast<const sockaddr*>(&address->name),  // NOLINT
                        address->size);
    if (sent >= 0) {
        failure_told_ = false;
        return true;
    }
    const int error = address ? errno : EINVAL;
    const std::string reason = address ? std::strerror(error) : "not an address of a unix socket";
    if (!std::exchange(failure_told_, true))
        log_.warn("supervisor_unreachable",
                  "the service manager cannot be told how mesh is",
                  {{"socket", settings_.socket}, {"reason", reason}});
    return !is_passing(error);
}

}  // namespace mesh::app

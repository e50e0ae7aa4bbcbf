#include "observe/log_output.hpp"

#include <climits>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace mesh::observe {
namespace {

// Up to here a pipe takes a write whole or not at all, so that lines of several processes on one
// pipe do not mix.
constexpr std::size_t piece_of_stream = PIPE_BUF;
constexpr std::size_t piece_of_file = 64 * 1024;
// A line longer than a piece may have been written in part; its end is waited for this long.
constexpr std::chrono::milliseconds end_of_line_wait{200};

ssize_t put(int descriptor, bool socket, std::string_view bytes) {
    for (;;) {
        const ssize_t put =
            socket ? ::send(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                   : ::write(descriptor, bytes.data(), bytes.size());
        if (put >= 0 || errno != EINTR) return put;
    }
}

}  // namespace

Result<LogOutput> LogOutput::to_file(const std::string& path) {
    // Non-blocking for the case of a FIFO: without a reader the open fails instead of hanging.
    const int descriptor = ::open(
        path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (descriptor < 0)
        return Error{
            errno == EACCES || errno == EPERM || errno == EROFS ? Errc::permission : Errc::io,
            Origin::config,
            "cannot open log file " + path + ": " + std::strerror(errno)};
    return around(descriptor, true);
}

LogOutput LogOutput::to_stderr() {
    return to_standard(STDERR_FILENO);
}

LogOutput LogOutput::to_stdout() {
    return to_standard(STDOUT_FILENO);
}

LogOutput LogOutput::to_standard(int descriptor) {
    struct stat facts {};
    if (::fstat(descriptor, &facts) == 0 && (S_ISFIFO(facts.st_mode) || S_ISCHR(facts.st_mode))) {
        // A second description of the same pipe or terminal can be non-blocking for us alone.
        const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
        const int own =
            ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (own >= 0) return around(own, true);
    }
    return around(descriptor, false);
}

LogOutput LogOutput::around(int descriptor, bool owned) {
    struct stat facts {};
    Kind kind = Kind::stream;
    if (::fstat(descriptor, &facts) == 0) {
        if (S_ISREG(facts.st_mode)) kind = Kind::file;
        if (S_ISSOCK(facts.st_mode)) kind = Kind::socket;
    }
    return {descriptor, kind, owned};
}

LogOutput::LogOutput(LogOutput&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      kind_(other.kind_),
      owned_(std::exchange(other.owned_, false)),
      torn_(other.torn_) {}

LogOutput& LogOutput::operator=(LogOutput&& other) noexcept {
    if (this == &other) return *this;
    if (owned_) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
    kind_ = other.kind_;
    owned_ = std::exchange(other.owned_, false);
    torn_ = other.torn_;
    return *this;
}

LogOutput::~LogOutput() {
    if (owned_) ::close(descriptor_);
}

LogOutput::Outcome LogOutput::write(std::string_view& lines, std::chrono::milliseconds wait) {
    if (!has_room(wait)) return Outcome::would_block;
    if (torn_ && put(descriptor_, kind_ == Kind::socket, "\n") == 1) torn_ = false;

    const std::string_view piece = next_piece(lines);
    const ssize_t done = put(descriptor_, kind_ == Kind::socket, piece);
    if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Outcome::would_block;
    lines.remove_prefix(piece.size());
    if (done < 0) return Outcome::failed;
    return finish_piece(piece.substr(static_cast<std::size_t>(done)));
}

bool LogOutput::has_room(std::chrono::milliseconds wait) const {
    if (kind_ == Kind::file) return true;
    pollfd asked{descriptor_, POLLOUT, 0};
    // An error or a hang-up counts as room: the write tells what it is.
    return ::poll(&asked, 1, static_cast<int>(wait.count())) > 0;
}

std::string_view LogOutput::next_piece(std::string_view lines) const {
    const std::size_t most = kind_ == Kind::file ? piece_of_file : piece_of_stream;
    if (lines.size() <= most) return lines;
    const std::size_t last_that_fits = lines.rfind('\n', most - 1);
    if (last_that_fits != std::string_view::npos) return lines.substr(0, last_that_fits + 1);
    return lines.substr(0, lines.find('\n') + 1);
}

LogOutput::Outcome LogOutput::finish_piece(std::string_view rest) {
    while (!rest.empty()) {
        if (!has_room(end_of_line_wait)) break;
        const ssize_t done = put(descriptor_, kind_ == Kind::socket, rest);
        if (done <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(done));
    }
    if (rest.empty()) return Outcome::written;
    torn_ = true;
    return Outcome::failed;
}

}  // namespace mesh::observe

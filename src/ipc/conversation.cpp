#include "ipc/conversation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace mesh::ipc {
namespace {

bool would_wait(int number) {
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

}  // namespace

std::string error_line(const std::string& code, const std::string& message) {
    return R"({"version":1,"error":{"code":")" + code + R"(","message":")" + message + R"("}})";
}

Conversation::Conversation(std::uint64_t id, Descriptor fd, const Bounds& bounds, SteadyTime now)
    : id_(id), fd_(std::move(fd)), bounds_(bounds), deadline_(now + bounds.read_timeout) {}

short Conversation::events() const {
    switch (turn_) {
        case Turn::reading:
            return POLLIN;
        case Turn::writing:
            return POLLOUT;
        case Turn::answering:
        case Turn::over:
            break;
    }
    return 0;  // only a hang-up is of interest
}

std::optional<std::string> Conversation::on_ready(SteadyTime now) {
    if (turn_ == Turn::writing) write(now);
    if (turn_ != Turn::reading) return std::nullopt;
    if (auto line = take_line(now)) return line;
    read(now);
    return turn_ == Turn::reading ? take_line(now) : std::nullopt;
}

void Conversation::read(SteadyTime now) {
    // One piece per turn of the loop, so that a client who sends without end holds up nobody.
    std::array<char, 65'536> piece;
    const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), 0);
    if (got > 0) {
        in_.append(piece.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || !would_wait(errno)) {
        end();
        return;
    }
    const bool whole = in_.find('\n', searched_) != std::string::npos;
    if (!whole && in_.size() > bounds_.request_max)
        answer(
            error_line("too_long",
                       "a request has at most " + std::to_string(bounds_.request_max) + " bytes"),
            true,
            now);
}

std::optional<std::string> Conversation::take_line(SteadyTime now) {
    const std::size_t at = in_.find('\n', searched_);
    searched_ = in_.size();
    if (at == std::string::npos) return std::nullopt;
    std::string line = in_.substr(0, at);
    in_.erase(0, at + 1);
    searched_ = 0;
    turn_ = Turn::answering;
    deadline_ = now + bounds_.answer_timeout;
    return line;
}

void Conversation::answer(std::string line, bool last, SteadyTime now) {
    if (turn_ == Turn::over) return;
    out_ = std::move(line);
    out_ += '\n';
    written_ = 0;
    last_ = last;
    turn_ = Turn::writing;
    deadline_ = now + bounds_.write_timeout;
    write(now);
}

void Conversation::write(SteadyTime now) {
    while (written_ < out_.size()) {
        const ssize_t sent = ::send(
            fd_.get(), out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (!would_wait(errno)) end();
            return;
        }
        written_ += static_cast<std::size_t>(sent);
    }
    out_.clear();
    out_.shrink_to_fit();
    turn_ = last_ ? Turn::over : Turn::reading;
    deadline_ = now + bounds_.read_timeout;
}

}  // namespace mesh::ipc

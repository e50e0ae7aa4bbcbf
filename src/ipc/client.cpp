#include "ipc/client.hpp"

#include "ipc/unix_path.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace mesh::ipc {

using std::chrono::steady_clock;

Result<Client> Client::connect(const std::string& path) {
    auto address = UnixPath::make(path);
    if (!address) return address.error();
    Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return system_error("socket", errno);
    // A local socket connects at once or says EAGAIN when its queue is full.
    const auto end = steady_clock::now() + std::chrono::seconds{5};
    while (::connect(fd.get(), address->address(), address->size()) != 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN || steady_clock::now() >= end) return system_error(path, errno);
        ::poll(nullptr, 0, 10);
    }
    return Client(std::move(fd));
}

Status Client::wait_for(short events, steady_clock::time_point end) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
        if (left.count() <= 0)
            return Error{Errc::timeout, Origin::internal, "mesh does not answer in time"};
        pollfd polled{fd_.get(), events, 0};
        const int ready =
            ::poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
        if (ready > 0) return {};
        if (ready < 0 && errno != EINTR) return system_error("poll", errno);
    }
}

Status Client::send(const std::string& text, steady_clock::time_point end) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        const ssize_t some =
            ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (some >= 0) {
            sent += static_cast<std::size_t>(some);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) return system_error("send", errno);
        if (Status ready = wait_for(POLLOUT, end); !ready) return ready;
    }
    return {};
}

Result<std::string> Client::ask(const std::string& line, std::chrono::milliseconds timeout) {
    const auto end = steady_clock::now() + timeout;
    // A server that refuses says why before it closes, so a failed send is no reason not to read.
    const Status sent = send(line + '\n', end);
    if (!sent && sent.error().code != Errc::closed) return sent.error();
    std::array<char, 65'536> piece;
    std::size_t searched = 0;
    for (;;) {
        if (const std::size_t at = rest_.find('\n', searched); at != std::string::npos) {
            std::string answer = rest_.substr(0, at);
            rest_.erase(0, at + 1);
            return answer;
        }
        searched = rest_.size();
        if (rest_.size() > answer_max)
            return Error{Errc::limit, Origin::internal, "the answer is too long"};
        const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), 0);
        if (got > 0) {
            rest_.append(piece.data(), static_cast<std::size_t>(got));
            continue;
        }
        if (got == 0)
            return Error{Errc::closed, Origin::internal, "mesh closed the control connection"};
        if (errno == EAGAIN || errno == EINTR) {
            if (const Status ready = wait_for(POLLIN, end); !ready) return ready.error();
            continue;
        }
        return system_error("recv", errno);
    }
}

}  // namespace mesh::ipc

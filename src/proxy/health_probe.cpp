#include "proxy/health_probe.hpp"

#include "proxy/start_connecting.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace mesh::proxy {
namespace {

std::string text_of_errno(int error) {
    return std::generic_category().message(error);
}

bool comes_later(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

HealthProbe::HealthProbe(Dialogue dialogue, SteadyTime now, SteadyTime deadline)
    : dialogue_(std::move(dialogue)), deadline_(deadline), attempt_deadline_(deadline) {
    if (has_addresses())
        state_ = begin_next(now);
    else
        state_ = State::undecided;
}

short HealthProbe::wanted_events() const {
    return connected_ && said_ == dialogue_.say.size() ? POLLIN : POLLOUT;
}

HealthProbe::State HealthProbe::begin_next(SteadyTime now) {
    connected_ = false;
    said_ = heard_ = 0;
    while (next_address_ < dialogue_.addresses.size() && now < deadline_) {
        const auto left = static_cast<SteadyTime::rep>(dialogue_.addresses.size() - next_address_);
        attempt_deadline_ = now + (deadline_ - now) / left;
        socket_ = start_connecting(dialogue_.addresses[next_address_++]);
        if (socket_) return State::running;
        const int error = errno;
        reason_ = text_of_errno(error);
        if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
            return State::undecided;
    }
    socket_.reset();
    return State::failed;
}

HealthProbe::State HealthProbe::fail_here(SteadyTime now, std::string reason) {
    reason_ = std::move(reason);
    return begin_next(now);
}

HealthProbe::State HealthProbe::advance(SteadyTime now, short events) {
    if (state_ != State::running) return state_;
    // What has come counts, late as this process may be to see it.
    if (events != 0) state_ = talk(now);
    if (state_ == State::running && now >= attempt_deadline_)
        state_ = fail_here(now, connected_ ? "no answer in time" : text_of_errno(ETIMEDOUT));
    return state_;
}

HealthProbe::State HealthProbe::talk(SteadyTime now) {
    if (!connected_) {
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        if (error != 0) return fail_here(now, text_of_errno(error));
        connected_ = true;
    }
    while (said_ < dialogue_.say.size()) {
        const ssize_t sent = ::send(socket_.get(),
                                    dialogue_.say.data() + said_,
                                    dialogue_.say.size() - said_,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return comes_later(errno) ? State::running : fail_here(now, text_of_errno(errno));
        said_ += static_cast<std::size_t>(sent);
    }
    return listen(now);
}

HealthProbe::State HealthProbe::listen(SteadyTime now) {
    const Bytes& expected = dialogue_.hear;
    std::array<std::uint8_t, 4096> buffer{};
    while (heard_ < expected.size()) {
        const std::size_t room = std::min(buffer.size(), expected.size() - heard_);
        const ssize_t count = ::recv(socket_.get(), buffer.data(), room, MSG_DONTWAIT);
        if (count < 0)
            return comes_later(errno) ? State::running : fail_here(now, text_of_errno(errno));
        if (count == 0) return fail_here(now, "it closed the connection without the answer");
        const auto end = buffer.begin() + count;
        if (!std::equal(
                buffer.begin(), end, expected.begin() + static_cast<std::ptrdiff_t>(heard_)))
            return fail_here(now, "it answered something else");
        heard_ += static_cast<std::size_t>(count);
    }
    return State::passed;
}

}  // namespace mesh::proxy

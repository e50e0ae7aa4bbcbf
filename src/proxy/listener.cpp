#include "proxy/listener.hpp"

#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <new>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace mesh::proxy {

namespace {

/// Accepted in one go before other events get their turn.
constexpr int batch = 64;

/// This one connection is gone, or its network was; the next one may be well (accept(2)).
bool concerns_one(int error) {
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN ||
           error == ENETUNREACH || error == EHOSTDOWN || error == EHOSTUNREACH ||
           error == ENOPROTOOPT || error == ENONET || error == ETIMEDOUT;
}

std::string explain(int error) {
    switch (error) {
        case EMFILE:
            return "this process has no file descriptor left";
        case ENFILE:
            return "the system has no file descriptor left";
        case ENOBUFS:
        case ENOMEM:
            return "the system has no memory for connections left";
        default:
            return std::generic_category().message(error);
    }
}

}  // namespace

Listener::Listener(EventLoop& loop,
                   Admission& admission,
                   Sink& sink,
                   LifetimePtr entry_point,
                   FileDescriptor socket,
                   int backlog,
                   std::chrono::milliseconds pause)
    : loop_(loop),
      admission_(admission),
      sink_(sink),
      entry_point_(std::move(entry_point)),
      socket_(loop.watch(std::move(socket), this, EventLoop::Trigger::level)),
      backlog_(backlog),
      pause_(pause) {
    if (!socket_) throw std::system_error(errno, std::generic_category(), "watch a listener");
}

void Listener::on_ready(Descriptor&) {
    try {
        for (int i = 0; i < batch; ++i) {
            if (accept_one() != Accepted::one) return;
        }
    } catch (const std::bad_alloc&) {
        pause(explain(ENOMEM));
    }
}

Listener::Accepted Listener::accept_one() {
    const EntryPointShare share = sink_.share_of(*entry_point_);
    auto connection = admission_.open(share);
    if (!connection) return pause("as many connections are open as allowed");
    auto handshake = admission_.begin_handshake(share);
    if (!handshake) return pause("as many handshakes are pending as allowed");

    SocketAddress peer;
    socklen_t size = SocketAddress::capacity();
    FileDescriptor accepted(
        ::accept4(socket_->fd(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted) {
        sink_.on_accepted(
            entry_point_, std::move(accepted), peer, std::move(*connection), std::move(*handshake));
        return Accepted::one;
    }
    const int error = errno;
    if (error == EAGAIN) return Accepted::none;
    return concerns_one(error) ? Accepted::one : pause(explain(error));
}

Listener::Accepted Listener::pause(std::string_view why) {
    sink_.on_accept_paused(*entry_point_, why);
    loop_.pause(*socket_);
    resume_at_ = loop_.now() + pause_;
    return Accepted::paused;
}

void Listener::hold() {
    held_ = true;
    loop_.pause(*socket_);
}

void Listener::accept() {
    held_ = false;
    loop_.resume(*socket_);
}

void Listener::resume_if_due() {
    if (resume_at_ > loop_.now()) return;
    resume_at_ = SteadyTime::max();
    if (!held_) loop_.resume(*socket_);
}

FileDescriptor Listener::duplicate() const {
    return FileDescriptor(::fcntl(socket_->fd(), F_DUPFD_CLOEXEC, 0));
}

void Listener::close() {
    try {
        for (int i = 0; !held_ && i < backlog_ && accept_one() == Accepted::one; ++i) {
        }
    } catch (const std::exception& error) {
        sink_.on_accept_paused(*entry_point_, error.what());  // what waits there still is lost
    }
    resume_at_ = SteadyTime::max();
    socket_.reset();
}

}  // namespace mesh::proxy

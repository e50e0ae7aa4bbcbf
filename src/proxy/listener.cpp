#include "proxy/listener.hpp"

#include <cerrno>
#include <new>
#include <sys/socket.h>
#include <system_error>

namespace mesh::proxy {

namespace {

/// Accepted in one go before other events get their turn.
constexpr int batch = 64;

bool out_of_resources(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

std::string_view explain(int error) {
    switch (error) {
        case EMFILE:
            return "this process has no file descriptor left";
        case ENFILE:
            return "the system has no file descriptor left";
        default:
            return "the system has no memory for connections left";
    }
}

}  // namespace

Listener::Listener(EventLoop& loop,
                   Admission& admission,
                   Sink& sink,
                   std::size_t entry_point,
                   FileDescriptor socket,
                   std::chrono::milliseconds pause)
    : loop_(loop),
      admission_(admission),
      sink_(sink),
      entry_point_(entry_point),
      socket_(loop.watch(std::move(socket), this, EventLoop::Trigger::level)),
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
    auto connection = admission_.open();
    if (!connection) return pause("as many connections are open as allowed");
    auto handshake = admission_.begin_handshake();
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
    if (errno == EAGAIN) return Accepted::none;
    if (out_of_resources(errno)) return pause(explain(errno));
    return Accepted::one;  // this one connection failed (accept(2)); the next may not
}

Listener::Accepted Listener::pause(std::string_view why) {
    sink_.on_accept_paused(entry_point_, why);
    loop_.pause(*socket_);
    resume_at_ = loop_.now() + pause_;
    return Accepted::paused;
}

void Listener::resume_if_due() {
    if (resume_at_ > loop_.now()) return;
    resume_at_ = SteadyTime::max();
    loop_.resume(*socket_);
}

void Listener::close() {
    while (accept_one() == Accepted::one) {
    }
    resume_at_ = SteadyTime::max();
    socket_.reset();
}

}  // namespace mesh::proxy

#include "proxy/socket_io.hpp"

#include <cerrno>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace mesh::proxy {

Io receive(Descriptor& socket, std::span<std::uint8_t> into, std::size_t& count) {
    count = 0;
    if (!socket.readable()) return Io::blocked;
    ssize_t got = 0;
    do {
        got = ::recv(socket.fd(), into.data(), into.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return Io::end;
    if (got < 0) {
        if (errno != EAGAIN) return Io::broken;
        socket.clear_readable();
        return Io::blocked;
    }
    count = static_cast<std::size_t>(got);
    // A short read has emptied the socket (epoll(7)), so asking once more would only cost a call;
    // but a FIN or an error that has been seen already must still be read, and so must what comes
    // behind a mark of urgent data, where a read stops (tcp(7)).
    const bool more_behind = socket.peer_closed() || socket.failed() || socket.urgent();
    if (count < into.size() && !more_behind) socket.clear_readable();
    return Io::ok;
}

Io look_ahead(Descriptor& socket, std::span<std::uint8_t> into, std::size_t& count) {
    count = 0;
    if (!socket.readable()) return Io::blocked;
    ssize_t got = 0;
    do {
        got = ::recv(socket.fd(), into.data(), into.size(), MSG_PEEK);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return Io::end;
    if (got < 0 && errno != EAGAIN) return Io::broken;
    if (got < 0) {
        socket.clear_readable();
        return Io::blocked;
    }
    count = static_cast<std::size_t>(got);
    return Io::ok;
}

Io transmit(Descriptor& socket, ByteView bytes, std::size_t& count) {
    count = 0;
    if (!socket.writable()) return Io::blocked;
    ssize_t sent = 0;
    do {
        sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno != EAGAIN) return Io::broken;
        socket.clear_writable();
        return Io::blocked;
    }
    count = static_cast<std::size_t>(sent);
    if (count < bytes.size()) socket.clear_writable();
    return Io::ok;
}

bool is_broken(Descriptor& socket) {
    int error = 0;  // reading it takes it away
    socklen_t size = sizeof error;
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
        socket.note_failure();
    return socket.failed();
}

bool has_unread(const Descriptor& socket) {
    char byte = 0;
    const ssize_t got = ::recv(socket.fd(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno != EAGAIN);
}

std::size_t unacknowledged(const Descriptor& socket) {
    int bytes = 0;
    if (::ioctl(socket.fd(), SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
    return static_cast<std::size_t>(bytes);
}

Io finish_sending(Descriptor& socket) {
    return ::shutdown(socket.fd(), SHUT_WR) == 0 ? Io::ok : Io::broken;
}

}  // namespace mesh::proxy

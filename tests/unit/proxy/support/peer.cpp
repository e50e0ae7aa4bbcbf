#include "support/peer.hpp"

#include "proxy/socket_address.hpp"
#include "proxy/socket_options.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <sys/socket.h>

namespace mesh::test {

using proxy::SocketAddress;

namespace {

void set_patience(int fd) {
    const timeval time{patience.count(), 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

FileDescriptor bound_socket() {
    FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress any = *SocketAddress::parse("127.0.0.1", 0);
    if (::bind(fd.get(), any.data(), any.size()) != 0) throw std::runtime_error("bind");
    return fd;
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

Peer::Peer(FileDescriptor fd) : fd_(std::move(fd)) {
    set_patience(fd_.get());
}

Peer Peer::connect_to(std::uint16_t port, const char* source) {
    FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    proxy::set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    if (source != nullptr) {
        const SocketAddress from = *SocketAddress::parse(source, 0);
        if (::bind(fd.get(), from.data(), from.size()) != 0) throw std::runtime_error("bind");
    }
    const SocketAddress to = *SocketAddress::parse("127.0.0.1", port);
    const bool connected = ::connect(fd.get(), to.data(), to.size()) == 0;
    // A server may have accepted and reset before connect() looks again: an end like others.
    const bool was_reset = !connected && errno == ECONNRESET;
    if (!connected && !was_reset) throw std::runtime_error("connect");
    Peer peer(std::move(fd));
    if (was_reset) peer.ending_ = Ending::reset;
    return peer;
}

bool Peer::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        // The error is told once: whoever reads later would take it for an end in good order.
        if (sent < 0 && errno == ECONNRESET) ending_ = Ending::reset;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string Peer::receive(std::size_t count) {
    std::string out;
    std::array<char, 64 * 1024> buffer;
    while (out.size() < count) {
        const std::size_t wanted = std::min(count - out.size(), buffer.size());
        const ssize_t got = ::recv(fd_.get(), buffer.data(), wanted, 0);
        if (got == 0 && ending_ != Ending::reset) ending_ = Ending::orderly;
        if (got < 0 && errno == ECONNRESET) ending_ = Ending::reset;
        if (got <= 0) break;
        out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return out;
}

std::string Peer::receive_all() {
    return receive(std::string::npos);
}

void Peer::finish_sending() {
    ::shutdown(fd_.get(), SHUT_WR);
}

void Peer::reset() {
    proxy::reset_on_close(fd_.get());
    fd_.reset();
}

void Peer::limit_receive_buffer(int bytes) {
    proxy::set_option(fd_.get(), SOL_SOCKET, SO_RCVBUF, bytes);
}

Backend::Backend(Handler handler) : listener_(bound_socket()), handler_(std::move(handler)) {
    ::listen(listener_.get(), 1024);
    port_ = SocketAddress::of_socket(listener_.get())->port();
    acceptor_ = std::thread([this] { accept_loop(); });
}

Backend::~Backend() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
}

void Backend::accept_loop() {
    for (;;) {
        FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (stopping_) return;
        if (!fd) continue;
        ++accepted_;
        const std::lock_guard lock(mutex_);
        threads_.emplace_back(
            [this, peer = Peer(std::move(fd))]() mutable { handler_(std::move(peer)); });
    }
}

void Backend::echo(Peer peer) {
    for (std::string bytes; !(bytes = peer.receive(1)).empty();) {
        std::array<char, 64 * 1024> more;
        const ssize_t got = ::recv(peer.fd(), more.data(), more.size(), MSG_DONTWAIT);
        if (got > 0) bytes.append(more.data(), static_cast<std::size_t>(got));
        if (!peer.send(bytes)) return;
    }
}

Backend::Handler Backend::greeter(std::string name) {
    return [name = std::move(name)](Peer peer) {
        peer.send(name);
        echo(std::move(peer));
    };
}

bool reaches(Peer& client) {
    return client.send("x") && client.receive(1) == "x";
}

bool can_connect(std::uint16_t port) {
    try {
        Peer::connect_to(port);
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

std::uint16_t closed_port() {
    // Bound but not listening, and never closed: nobody else can get it meanwhile.
    static std::vector<FileDescriptor> kept;
    kept.push_back(bound_socket());
    return SocketAddress::of_socket(kept.back().get())->port();
}

std::string pattern(std::size_t count, unsigned seed) {
    std::string out(count, '\0');
    std::uint32_t state = seed * 2654435761U + 1;
    for (std::size_t i = 0; i < count; ++i) {
        state = state * 1664525U + 1013904223U;
        out[i] = static_cast<char>(state >> 24);
    }
    return out;
}

}  // namespace mesh::test

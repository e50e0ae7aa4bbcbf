#include "proxy/connection.hpp"
#include "proxy/socket_options.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <system_error>

namespace mesh::proxy {

namespace {

/// Faults of ours, for which no server is to blame, and which would meet every other one too. (Not
/// EADDRNOTAVAIL: no address to come from, or no port left, is so for one destination.)
bool is_our_fault(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

int pending_error(const Descriptor& socket) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error != 0 ? error : ECONNREFUSED;
}

/// A socket whose connect is under way, or nothing with errno set.
FileDescriptor start_connecting(const SocketAddress& address) {
    FileDescriptor fd(
        ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!fd) return fd;
    set_connection_options(fd.get());
    if (::connect(fd.get(), address.data(), address.size()) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

}  // namespace

/// Round robin, and the next server when one cannot be reached. Null: none could, or over().
Task<DescriptorPtr> Connection::dial(Service& service) {
    // The client has shown who it wants: how long the server takes is not its doing, and must not
    // keep others from being heard. The connection still counts.
    handshake_slot_ = {};
    const Limits& limits = worker_.limits();
    deadline_ = worker_.loop().now() + limits.dial_timeout_total;
    const std::size_t first = service.next.fetch_add(1, std::memory_order_relaxed);
    const PoolPtr pool = worker_.pool_of(service);
    const std::size_t servers = pool->members.size();
    const std::size_t attempts = std::min<std::size_t>(limits.dial_servers_max, servers);
    for (std::size_t i = 0; i < attempts && !over(); ++i) {
        const Pool::Member& member = pool->members[(first + i) % servers];
        DescriptorPtr backend = co_await dial_server(service, member);
        if (backend) co_return backend;
        if (is_our_fault(dial_error_)) break;
    }
    if (stop_ == Stop::cancelled || socket().failed()) {
        log_end(interruption(), "while servers were tried");
    } else {
        log_end("server",
                servers == 0 ? "the service has no server now" : "no server could be reached");
    }
    // An orderly end would look like an answer without content.
    reset_on_close(socket().fd());
    co_return nullptr;
}

/// `member` stays while its pool is held.
Task<DescriptorPtr> Connection::dial_server(const Service& service, const Pool::Member& member) {
    const std::vector<SocketAddress> addresses = worker_.addresses_of(member.server);
    dial_error_ = EHOSTUNREACH;  // when the name has no address
    for (const SocketAddress& address : addresses) {
        DescriptorPtr backend = co_await connect_to(address);
        if (backend) {
            note_dialled(service, member, true);
            co_return backend;
        }
        if (over() || is_our_fault(dial_error_)) break;
    }
    // A client that left, or a dial cut by the total, says nothing about the server.
    if (!over()) note_dialled(service, member, false);
    co_return nullptr;
}

/// Null with dial_error_ set when the address did not answer.
Task<DescriptorPtr> Connection::connect_to(const SocketAddress& address) {
    FileDescriptor fd = start_connecting(address);
    DescriptorPtr backend;
    if (fd) backend = worker_.loop().watch(std::move(fd), this);
    if (!backend) {
        dial_error_ = errno;
        co_return nullptr;
    }
    attempt_deadline_ = worker_.loop().now() + worker_.limits().dial_timeout;
    dial_error_ = ETIMEDOUT;
    while (!backend->writable() && !over() && worker_.loop().now() < attempt_deadline_) {
        co_await suspension_.wait();
    }
    attempt_deadline_ = SteadyTime::max();
    if (backend->failed()) dial_error_ = pending_error(*backend);
    if (backend->writable() && !backend->failed() && !over()) co_return backend;
    // A server that has accepted already must not take this for a client with nothing to say.
    reset_on_close(backend->fd());
    co_return nullptr;
}

/// Logged when it changes, over all workers, not at every try.
void Connection::note_dialled(const Service& service, const Pool::Member& member, bool reached) {
    std::atomic<bool>& down = member.state->down;
    const model::Server& server = member.server;
    if (reached) {
        if (!down.load(std::memory_order_relaxed) || !down.exchange(false)) return;
        worker_.log().info("backend_up",
                           "server can be reached again",
                           {{"service", service.name}, {"server", server.text()}});
        return;
    }
    if (is_our_fault(dial_error_)) {
        worker_.note_local_dial_failure(server, std::generic_category().message(dial_error_));
        return;
    }
    if (down.exchange(true)) return;
    worker_.log().warn("backend_down",
                       "server cannot be reached",
                       {{"service", service.name},
                        {"server", server.text()},
                        {"reason", std::generic_category().message(dial_error_)}});
}

}  // namespace mesh::proxy

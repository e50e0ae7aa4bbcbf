#include "proxy/balancer.hpp"
#include "proxy/connection.hpp"
#include "proxy/socket_options.hpp"
#include "proxy/start_connecting.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <system_error>

namespace mesh::proxy {

namespace {

/// Faults of ours, for which no server is to blame, and which would meet every other one too. (Not
/// EADDRNOTAVAIL: no address to come from, or no port left, is so for one destination.)
bool is_our_fault(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == ENOSPC;  // of epoll: this user watches as many descriptors as the system allows
}

int pending_error(const Descriptor& socket) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error != 0 ? error : ECONNREFUSED;
}

}  // namespace

FileDescriptor start_connecting(const SocketAddress& address) {
    FileDescriptor fd(
        ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!fd) return fd;
    send_at_once(fd.get());
    if (::connect(fd.get(), address.data(), address.size()) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

/// The server the service's strategy says, and another when it cannot be reached. Null: none
/// could, or over().
Task<ServerEnd> Connection::dial(Service& service) {
    // The client has shown who it wants: how long the server takes is not its doing, and must not
    // keep others from being heard. The connection still counts.
    handshake_slot_ = {};
    const Limits& limits = worker_.limits();
    const SteadyTime begun = worker_.loop().now();
    deadline_ = begun + limits.dial_timeout_total;
    const ServersNow servers{[this](const Service& one) { return worker_.pool_of(one); },
                             [this](const Pool::Member& member) { return can_be_dialled(member); }};
    ServiceChoice choice(service, servers);
    bool has_server = false;
    for (unsigned i = 0; i < limits.dial_servers_max && !over(); ++i) {
        std::optional<ServiceChoice::Chosen> chosen = choice.next(worker_.loop().now());
        if (!chosen) break;
        has_server = true;
        const auto one = chosen->service->transport.dial_timeout.value_or(limits.dial_timeout);
        deadline_ = std::max(deadline_, begun + one);
        Dialled dialled =
            co_await dial_server(service, *chosen->service, *chosen->member, std::size_t{i} + 1);
        if (dialled.backend) {
            server_slot_ = std::move(chosen->slot);
            const tls::Session* const session =
                dialled.backend.tls ? &dialled.backend.tls->session() : nullptr;
            if (record_) record_->note_server(*chosen->service, chosen->member->server, session);
            co_return std::move(dialled.backend);
        }
        if (!over()) worker_.counters().dials_failed.add();
        const bool is_ours = is_our_fault(dial_error_);
        if (chosen->is_trial && !dialled.is_noted)
            chosen->member->state->gave_up(worker_.loop().now());
        if (server_refused_tls_ || is_ours) break;
    }
    if (stop_ == Stop::cancelled || socket().failed()) {
        log_end(interruption(), "while servers were tried");
    } else if (has_server && is_our_fault(dial_error_)) {
        log_end(Cause::proxy, "no connection to a server could be opened");
    } else {
        log_end(Cause::server,
                has_server ? "no server could be reached" : why_nobody_was_dialled(service));
    }
    // An orderly end would look like an answer without content.
    reset_on_close(socket().fd());
    co_return ServerEnd();
}

/// Its name may have had no answer yet: that is no failure of its own, but somebody should know.
bool Connection::can_be_dialled(const Pool::Member& member) {
    if (worker_.has_address(member)) return true;
    worker_.note_without_address(member.server);
    return false;
}

std::string_view Connection::why_nobody_was_dialled(const Service& service) const {
    constexpr std::string_view none = "the service has no server now";
    bool has_any = false;
    for (const Service* const part : with_servers_of(service)) {
        const PoolPtr pool = worker_.pool_of(*part);
        for (const Pool::Member& member : pool->members) {
            if (member.weight == 0) continue;
            if (worker_.has_address(member)) return none;
            has_any = true;
        }
    }
    return has_any ? "no server of the service has an address yet" : none;
}

/// Servers of `whole` that one connection may try, some of them perhaps as the last resort.
std::size_t Connection::servers_to_try(const Service& whole) const {
    std::size_t count = 0;
    for (const Service* const part : with_servers_of(whole)) {
        const PoolPtr pool = worker_.pool_of(*part);
        for (const Pool::Member& member : pool->members) {
            if (count == worker_.limits().dial_servers_max) return count;
            const auto standing = member.state->standing(worker_.loop().now());
            if (member.weight > 0 && standing != ServerState::Standing::down &&
                worker_.has_address(member))
                ++count;
        }
    }
    return count;
}

/// Another address of the same server, that is: a name whose addresses all hang must not take the
/// time of the server beside it. `tried`: servers, this one included.
bool Connection::has_time_for_another(const Service& whole,
                                      const Service& service,
                                      std::size_t tried) const {
    const auto one = service.transport.dial_timeout.value_or(worker_.limits().dial_timeout);
    return worker_.loop().now() + 2 * one <= deadline_ || tried >= servers_to_try(whole);
}

/// `member`, of `service`, stays while its pool is held.
Task<Connection::Dialled> Connection::dial_server(const Service& whole,
                                                  const Service& service,
                                                  const Pool::Member& member,
                                                  std::size_t tried) {
    std::vector<SocketAddress> addresses = worker_.addresses_of(member.server);
    member.state->proven.apply(addresses);
    dial_error_ = EHOSTUNREACH;  // when the name has no address
    dial_reason_.clear();
    Dialled dialled;
    bool had_its_time = false;
    for (const SocketAddress& address : addresses) {
        if (had_its_time && !has_time_for_another(whole, service, tried)) break;
        dialled.backend = co_await try_address(service, member.server, address);
        if (dialled.backend) {
            note_reached(service, member);
            dialled.is_noted = true;
            co_return dialled;
        }
        dialled.is_noted = server_refused_tls_;
        if (server_refused_tls_) co_return dialled;
        if (over() || is_our_fault(dial_error_)) break;
        had_its_time = true;
    }
    // A client that left says nothing about the server, nor does a dial that the total cut, unless
    // another of its addresses has failed before.
    if (!over() || (had_its_time && stop_ == Stop::timeout))
        dialled.is_noted = note_unreached(service, member);
    co_return dialled;
}

/// Until the server is ready for the client's bytes, all in the time of one dial. Empty with
/// dial_error_ set: it was not. All of the arguments must outlive the coroutine.
Task<ServerEnd> Connection::try_address(const Service& service,
                                        const model::Server& server,
                                        const SocketAddress& address) {
    const ServiceTransport& transport = service.transport;
    attempt_deadline_ =
        worker_.loop().now() + transport.dial_timeout.value_or(worker_.limits().dial_timeout);
    ServerEnd backend;
    DescriptorPtr socket = co_await connect_to(address);
    if (socket && announce_client(service, *socket)) {
        const bool may_go_on = co_await ask_for_tls(*socket, service, server);
        if (may_go_on) backend = co_await secure(std::move(socket), service, server);
    }
    attempt_deadline_ = SteadyTime::max();
    backend.termination_delay = transport.termination_delay;
    backend.keep_alive = transport.keep_alive;
    co_return backend;
}

/// Null with dial_error_ set when the address did not answer.
Task<DescriptorPtr> Connection::connect_to(const SocketAddress& address) {
    dial_reason_.clear();
    FileDescriptor fd = start_connecting(address);
    DescriptorPtr backend;
    if (fd) backend = worker_.loop().watch(std::move(fd), this);
    if (!backend) {
        dial_error_ = errno;
        co_return nullptr;
    }
    dial_error_ = ETIMEDOUT;
    while (!backend->writable() && !over() && worker_.loop().now() < attempt_deadline_) {
        co_await suspension_.wait();
    }
    if (backend->failed()) dial_error_ = pending_error(*backend);
    if (backend->writable() && !backend->failed() && !over()) co_return backend;
    // A server that has accepted already must not take this for a client with nothing to say.
    reset_on_close(backend->fd());
    co_return nullptr;
}

/// Logged when it changes, over all workers, not at every try.
void Connection::note_reached(const Service& service, const Pool::Member& member) {
    if (!member.state->reached(worker_.loop().now())) return;
    worker_.log().info("backend_up",
                       "server can be reached again",
                       {{"service", service.name}, {"server", member.server.text()}});
}

/// False: that was no fault of the server's.
bool Connection::note_unreached(const Service& service, const Pool::Member& member) {
    const std::string reason =
        dial_reason_.empty() ? std::generic_category().message(dial_error_) : dial_reason_;
    if (is_our_fault(dial_error_)) {
        worker_.note_local_dial_failure(member.server, reason);
        return false;
    }
    const ServerState::Failure failure = member.state->failed(worker_.loop().now());
    const std::string server = member.server.text();
    const bool is_down =
        member.state->standing(worker_.loop().now()) == ServerState::Standing::down;
    if (failure.is_news && !is_down) member.state->story.tell(worker_.loop().now(), reason);
    if (failure.is_first)
        worker_.log().warn("backend_down",
                           "server cannot be reached",
                           {{"service", service.name}, {"server", server}, {"reason", reason}});
    if (failure.ejects) worker_.note_ejected(service.name, server, reason);
    return true;
}

}  // namespace mesh::proxy

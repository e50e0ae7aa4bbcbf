// A message that stops what another connection does, and names that connection in a way only its
// server understands.
#include "proxy/cancel_copy.hpp"
#include "proxy/connection.hpp"
#include "proxy/start_connecting.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <vector>

namespace mesh::proxy {

namespace {

/// One stranger's few bytes open no more connections than this.
constexpr std::size_t copies_max = 16;
/// And all strangers' at once no more than this on one worker.
constexpr std::size_t copies_per_worker_max = 128;

}  // namespace

/// The service that every TLS route which could take the client leads to, if one of them lets it
/// through. Null: there is more than one, or the client is let through by none.
ServicePtr Connection::service_to_cancel_at() const {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    ServicePtr service;
    bool is_let_through = false;
    const bool differ =
        routes.tls.may_route(IpAddress(client_address_.ip()), [&](std::size_t payload) {
            const Route& route = *routes.tls_routes[payload];
            if (route.closed) return false;
            if (service && service != route.service) return true;
            service = route.service;
            is_let_through =
                is_let_through || lists_client(route.middlewares, client_address_.ip());
            return false;
        });
    return differ || !is_let_through ? nullptr : service;
}

/// Connections to every server of the service, that are to be told.
std::vector<CancelCopy> Connection::call_servers(const Service& service, ByteView request) {
    const std::size_t room =
        copies_per_worker_max - std::min(worker_.cancel_copies(), copies_per_worker_max);
    const std::size_t count_max = std::min(copies_max, room);
    std::vector<CancelCopy> servers;
    for (const Service* const part : with_servers_of(service)) {
        const Bytes header = header_for(*part);
        const PoolPtr pool = worker_.pool_of(*part);
        for (const Pool::Member& member : pool->members) {
            for (const SocketAddress& address : worker_.addresses_of(member.server)) {
                if (servers.size() == count_max) return servers;
                FileDescriptor fd = start_connecting(address);
                if (!fd) continue;
                DescriptorPtr socket = worker_.loop().watch(std::move(fd), this);
                if (!socket) continue;
                servers.emplace_back(std::move(socket), *part, member.server, header, request);
            }
        }
    }
    return servers;
}

/// As long as a dial of the service takes at most.
std::chrono::milliseconds Connection::time_to_tell(const Service& service) const {
    std::chrono::milliseconds longest{0};
    for (const Service* const part : with_servers_of(service))
        longest =
            std::max(longest, part->transport.dial_timeout.value_or(worker_.limits().dial_timeout));
    return longest;
}

/// Which server the other connection is at is not to be told from the message, so each gets it;
/// those it means nothing to ignore it. The handshake slot is kept, so that nobody makes many of
/// these at once.
Task<> Connection::pass_on_cancel(std::size_t size) {
    const ServicePtr service = service_to_cancel_at();
    if (!service) {
        worker_.note_unroutable_cancel(*entry_point_, *start_tls_);
        log_end(Cause::client, "a cancel request that no one service here is meant by");
        co_return;
    }
    deadline_ = std::min(deadline_, worker_.loop().now() + time_to_tell(*service));
    std::vector<CancelCopy> servers =
        call_servers(*service, ByteView(reader_.received()).first(size));
    worker_.cancel_copies() += servers.size();
    while (!over()) {
        for (CancelCopy& server : servers) server.advance(worker_.scratch());
        if (std::all_of(servers.begin(), servers.end(), [](const CancelCopy& one) {
                return one.is_done();
            }))
            break;
        co_await suspension_.wait();
    }
    worker_.cancel_copies() -= servers.size();
    const bool is_interrupted = stop_ == Stop::cancelled || socket().failed();
    for (const CancelCopy& copy : servers)
        if (std::string why = copy.why_no_tls(); !why.empty() && !is_interrupted)
            worker_.note_failed_handshake(copy.service(), copy.server(), why);
    // A server that keeps the connection open has had its time; nobody is to blame for that.
    const bool is_told = std::any_of(
        servers.begin(), servers.end(), [](const CancelCopy& one) { return one.is_told(); });
    if (is_interrupted)
        log_end(interruption(), "while a cancel request was passed on");
    else if (is_told)
        log_end(Cause::none, "a cancel request, passed on");
    else
        log_end(servers.empty() ? Cause::proxy : Cause::server,
                "a cancel request that no server could be sent");
}

}  // namespace mesh::proxy

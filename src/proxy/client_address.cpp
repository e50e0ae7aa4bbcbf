#include "proxy/connection.hpp"
#include "proxy/socket_options.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mesh::proxy {

/// Takes the PROXY header of a peer that may send one, which was known at accept: a connection of
/// such a peer counts for no source yet. Then asks for a place of the client's. False: the
/// connection is over.
Task<bool> Connection::identify_client() {
    if (!handshake_slot_.counts_for_source()) {
        const bool taken = co_await take_proxy_header();
        attempt_deadline_ = SteadyTime::max();
        if (!taken) co_return false;
        if (!worker_.count_source(handshake_slot_, client_address_)) {
            log_end(Cause::client, "too many handshakes pending from its source");
            co_return false;
        }
    }
    if (worker_.count_client(*entry_point_, client_address_, places_)) co_return true;
    log_end(Cause::client, "too many connections of its source");
    co_return false;
}

/// The header is looked at where it lies and taken whole, so that whoever reads next finds the
/// client's own bytes.
Task<bool> Connection::take_proxy_header() {
    using State = ProxyHeader::State;
    // Half of a short handshakeTimeout: who is given to a server then must not be closed before.
    attempt_deadline_ = accepted_at_ + std::min(worker_.limits().proxy_header_wait,
                                                worker_.handshake_timeout(*entry_point_) / 2);
    for (bool silent = true;;) {
        if (over()) {
            log_end(interruption(), "no complete PROXY header");
            co_return false;
        }
        const bool closed = client_->peer_closed();  // nothing comes behind what is there now
        const auto into = worker_.scratch().first(ProxyHeader::size_max);
        std::size_t count = 0;
        const Io io = look_ahead(*client_, into, count);
        silent = silent && count == 0;
        if (io == Io::blocked) {
            const bool waited_enough = worker_.loop().now() >= attempt_deadline_;
            if (silent && waited_enough && may_be_silent()) co_return true;
            co_await suspension_.wait();
            continue;
        }
        const ProxyHeader header = read_proxy_header(into.first(count));
        if (header.state == State::done) co_return accept_header(header);
        if (header.state == State::none) co_return true;
        const bool ended = closed || io == Io::end;
        if (ended && header.state == State::undecided) co_return true;
        if (ended || io == Io::broken || header.state == State::malformed) {
            log_end(Cause::client,
                    header.reason.empty() ? "ended within its PROXY header" : header.reason);
            co_return false;
        }
        client_->clear_readable();
        co_await suspension_.wait();
    }
}

/// Where every byte goes to a server unseen, its protocol may be one in which the server begins:
/// a client behind a proxy that sends no header is silent there.
bool Connection::may_be_silent() const {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    return routes.speaks_plain_only() ||
           (routes.detect.server_first_timeout.has_value() && !routes.plain.empty());
}

bool Connection::accept_header(const ProxyHeader& header) {
    std::size_t count = 0;
    const Io io = receive(*client_, worker_.scratch().first(header.size), count);
    if (io != Io::ok || count != header.size) {
        log_end(Cause::client, "broke off within its PROXY header");
        return false;
    }
    may_speak_since_ = worker_.loop().now();
    if (!header.addresses) return true;
    client_address_ = header.addresses->source;
    destination_ = header.addresses->destination;
    return true;
}

/// What the service says its servers get ahead of anything else; mostly nothing.
Bytes Connection::header_for(const Service& service) {
    if (!service.proxy_protocol) return {};
    const SocketAddress destination =
        destination_ ? *destination_ : SocketAddress::of_socket(socket().fd()).value_or(peer_);
    return write_proxy_header(*service.proxy_protocol,
                              ProxiedAddresses{client_address_, destination});
}

/// False with dial_error_ set.
bool Connection::announce_client(const Service& service, Descriptor& backend) {
    const Bytes header = header_for(service);
    if (header.empty()) return true;
    std::size_t count = 0;
    const Io io = transmit(backend, header, count);
    if (io == Io::ok && count == header.size()) return true;
    // A new connection's buffer is empty: it does not take this much only when memory is short.
    dial_error_ = io == Io::broken ? errno : ENOBUFS;
    reset_on_close(backend.fd());
    return false;
}

}  // namespace mesh::proxy

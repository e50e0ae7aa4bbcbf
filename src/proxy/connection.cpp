#include "proxy/connection.hpp"

#include "proxy/alert.hpp"
#include "proxy/socket_options.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <utility>

namespace mesh::proxy {

Connection::Connection(Worker& worker,
                       LifetimePtr entry_point,
                       DescriptorPtr client,
                       const SocketAddress& peer,
                       Admission::ConnectionSlot connection_slot,
                       Admission::HandshakeSlot handshake_slot)
    : worker_(worker),
      entry_point_(std::move(entry_point)),
      peer_(peer),
      client_address_(peer),
      connection_slot_(std::move(connection_slot)),
      handshake_slot_(std::move(handshake_slot)),
      accepted_at_(worker.loop().now()),
      may_speak_since_(accepted_at_),
      deadline_(accepted_at_ + worker.handshake_timeout(*entry_point_)),
      client_(std::move(client)) {
    client_->set_target(this);
    if (worker.connection_log().log == nullptr) return;
    record_ = std::make_unique<ConnectionRecord>();
    record_->accepted_at = accepted_at_;
    record_->entry_point = entry_point_;
    record_->peer = peer_;
}

Connection::~Connection() {
    worker_.forget_awaited(*this);
}

Task<> Connection::run() {
    const bool identified = co_await identify_client();
    if (!identified) co_return;
    if (worker_.routes(*entry_point_).speaks_plain_only()) {
        // Not a byte is read here: the server may be the one who speaks first.
        RoutePtr route = plain_route();
        note_route(route);
        co_await forward(std::move(route));
        co_return;
    }
    const ClientHelloReader::State hello = co_await read_opening();
    if (hello == ClientHelloReader::State::need_more) co_return;
    // What it sent was read before an event could tell that it is gone: neither a signature nor a
    // connection to a server is made for nobody.
    if (client_->assumed() && is_broken(*client_)) {
        log_end(Cause::client, "left before it could be answered");
        co_return;
    }
    if (hello == ClientHelloReader::State::not_tls) {
        RoutePtr route = plain_route();
        note_route(route);
        co_await forward(std::move(route));
        co_return;
    }
    if (hello == ClientHelloReader::State::malformed) {
        co_await refuse(alert::unrecognized_name, Cause::client, reader_.reason());
        co_return;
    }
    // Before any route and its client-certificate policy: a CA that validates knows neither.
    certs::CredentialPtr answer = challenge_answer();
    if (answer) {
        co_await answer_challenge(std::move(answer));
        co_return;
    }
    RoutePtr route = tls_route();
    note_route(route);
    if (!route) {
        worker_.note_unrouted(*entry_point_, reader_.hello());
        co_await refuse(alert::unrecognized_name, Cause::client, "no router matches");
    } else if (route->closed) {
        co_await refuse(alert::unrecognized_name, Cause::proxy, "the router cannot be applied");
    } else if (route->passthrough) {
        co_await forward(std::move(route));
    } else {
        co_await terminate(std::move(route));
    }
}

RoutePtr Connection::plain_route() const {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    const auto found = routes.plain.lookup({nullptr, IpAddress(client_address_.ip()), {}});
    return found ? routes.plain_routes[found->payload] : nullptr;
}

RoutePtr Connection::tls_route() {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    const ClientHello& hello = reader_.hello();
    server_name_ = hello.server_name ? hello.server_name : routes.default_server_name;
    const Hostname* const name = server_name_ ? &*server_name_ : nullptr;
    const auto found = routes.tls.lookup({name, IpAddress(client_address_.ip()), hello.alpn});
    if (!found) return nullptr;
    routed_protocol_ = found->protocol;
    return routes.tls_routes[found->payload];
}

bool Connection::admitted(const Route& route) {
    const Middleware* const refusing =
        first_refusing(route.middlewares, client_address_.ip(), places_);
    if (refusing != nullptr) worker_.note_refused(route, *refusing, client_address_);
    return refusing == nullptr;
}

/// Passes bytes as they are: plain TCP, or TLS that the backend terminates.
Task<> Connection::forward(RoutePtr route) {
    if (!route) {
        log_end(Cause::client, "no router for bytes that are not TLS");
        co_return;
    }
    if (route->closed) {
        log_end(Cause::proxy, "the router cannot be applied");
        co_return;
    }
    if (!admitted(*route)) {
        log_end(Cause::client, "refused by a middleware");
        co_return;
    }
    // Its server is asked for TLS as mesh was, and sends the client's own answer.
    if (route->passthrough) ask_server_ = start_tls_;
    ServerEnd backend = co_await dial(*route->service);
    if (!backend) co_return;
    established();
    const Bytes received = reader_.take_received();
    worker_.relays().add_plain(
        {entry_point_, std::move(route), std::move(record_)},
        {std::move(connection_slot_), std::move(places_), std::move(server_slot_)},
        std::move(client_),
        std::move(backend),
        received);
}

/// The client has shown who it wants and a backend has answered.
void Connection::established() {
    established_ = true;
    worker_.counters().established.add();
    if (record_) record_->connected_at = worker_.loop().now();
}

void Connection::on_time(SteadyTime now) {
    if (now >= deadline_ && stop_ == Stop::none) stop_ = Stop::timeout;
    if (now >= std::min(deadline_, attempt_deadline_)) suspension_.wake();
}

void Connection::cancel() {
    stop_ = Stop::cancelled;
    suspension_.wake();
}

Cause Connection::interruption() const {
    switch (stop_) {
        case Stop::timeout:
            return Cause::timeout;
        case Stop::cancelled:
            return Cause::shutdown;
        case Stop::none:
            break;
    }
    return Cause::client;
}

void Connection::note_route(const RoutePtr& route) {
    if (!record_) return;
    record_->client = client_address_;
    record_->route = route;
    record_->routed_at = worker_.loop().now();
    record_->note_hello(reader_.hello());
}

void Connection::log_end(Cause cause, std::string_view why) {
    if (end_cause_) return;
    end_cause_ = cause;
    if (record_) record_->reason = why;
    if (!worker_.log().enabled(LogLevel::debug)) return;
    const std::optional<Hostname>& name = reader_.hello().server_name;
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(worker_.loop().now() - accepted_at_);
    worker_.log().debug("",
                        "connection ended before it was established",
                        {{"client", client_address_.text()},
                         {"peer", peer_.text()},
                         {"entry_point", entry_point_->name()},
                         {"server_name", name ? std::string_view(name->text()) : "-"},
                         {"cause", to_string(cause)},
                         {"reason", why},
                         {"after_ms", static_cast<std::int64_t>(age.count())}});
}

void Connection::tell_end() {
    if (established_) return;
    const Cause cause = end_cause_.value_or(Cause::proxy);
    worker_.counters().ended[static_cast<std::size_t>(cause)].add();
    if (!record_) return;
    record_->client = client_address_;
    record_->cause = cause;
    record_->write_to(worker_.connection_log(), worker_.loop().now());
}

}  // namespace mesh::proxy

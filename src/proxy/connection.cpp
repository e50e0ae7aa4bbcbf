#include "proxy/connection.hpp"

#include "proxy/socket_options.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <utility>

namespace mesh::proxy {

namespace {

constexpr std::string_view acme_protocol = "acme-tls/1";     // RFC 8737 §6.2
constexpr std::uint8_t alert_access_denied = 49;             // RFC 8446 §6.2
constexpr std::uint8_t alert_unrecognized_name = 112;        // RFC 6066 §3
constexpr std::uint8_t alert_no_application_protocol = 120;  // RFC 7301 §3.2
/// How long a refused client may take to read what it was told.
constexpr std::chrono::seconds linger_time{1};
/// What it may send meanwhile: the rest of what was on its way.
constexpr std::size_t linger_bytes = std::size_t{1} << 20;

tls::ExpectedHello expected_of(const ClientHello& hello, std::string routed_protocol) {
    tls::ExpectedHello expected;
    if (hello.server_name) expected.server_name = hello.server_name->text();
    expected.alpn = hello.alpn;
    expected.routed_protocol = std::move(routed_protocol);
    return expected;
}

}  // namespace

Connection::Connection(Worker& worker,
                       LifetimePtr entry_point,
                       DescriptorPtr client,
                       const SocketAddress& peer,
                       Admission::ConnectionSlot connection_slot,
                       Admission::HandshakeSlot handshake_slot)
    : worker_(worker),
      entry_point_(std::move(entry_point)),
      peer_(peer),
      connection_slot_(std::move(connection_slot)),
      handshake_slot_(std::move(handshake_slot)),
      accepted_at_(worker.loop().now()),
      deadline_(accepted_at_ + worker.handshake_timeout(*entry_point_)),
      client_(std::move(client)) {
    client_->set_target(this);
}

Connection::~Connection() {
    worker_.forget_awaited(*this);
}

Task<> Connection::run() {
    if (worker_.routes(*entry_point_).speaks_plain_only()) {
        // Not a byte is read here: the server may be the one who speaks first.
        RoutePtr route = plain_route();
        co_await forward(std::move(route));
        co_return;
    }
    const ClientHelloReader::State hello = co_await read_hello();
    if (hello == ClientHelloReader::State::need_more) co_return;
    if (hello == ClientHelloReader::State::not_tls) {
        RoutePtr route = plain_route();
        co_await forward(std::move(route));
        co_return;
    }
    if (hello == ClientHelloReader::State::malformed) {
        co_await refuse(alert_unrecognized_name, "client", reader_.reason());
        co_return;
    }
    // Before any route and its client-certificate policy: a CA that validates knows neither.
    certs::CredentialPtr answer = challenge_answer();
    if (answer) {
        co_await answer_challenge(std::move(answer));
        co_return;
    }
    RoutePtr route = tls_route();
    if (!route) {
        worker_.note_unrouted(*entry_point_, reader_.hello());
        co_await refuse(alert_unrecognized_name, "client", "no router matches");
    } else if (route->closed) {
        co_await refuse(alert_unrecognized_name, "proxy", "the router cannot be applied");
    } else if (route->passthrough) {
        co_await forward(std::move(route));
    } else {
        co_await terminate(std::move(route));
    }
}

/// `need_more`: the client is gone or out of time.
Task<ClientHelloReader::State> Connection::read_hello() {
    using State = ClientHelloReader::State;
    State state = State::need_more;
    while (state == State::need_more) {
        if (over()) {
            log_end(interruption(), "no complete ClientHello");
            break;
        }
        const auto into = worker_.scratch().first(ClientHelloReader::wanted_max());
        std::size_t count = 0;
        const Io io = receive(*client_, into, count);
        if (io == Io::ok) {
            state = reader_.feed(into.first(count));
        } else if (io == Io::blocked) {
            co_await suspension_.wait();
        } else {
            log_end("client", "closed before a complete ClientHello");
            break;
        }
    }
    co_return state;
}

RoutePtr Connection::plain_route() const {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    const auto found = routes.plain.lookup({nullptr, IpAddress(peer_.ip()), {}});
    return found ? routes.plain_routes[found->payload] : nullptr;
}

RoutePtr Connection::tls_route() {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    const ClientHello& hello = reader_.hello();
    server_name_ = hello.server_name ? hello.server_name : routes.default_server_name;
    const Hostname* const name = server_name_ ? &*server_name_ : nullptr;
    const auto found = routes.tls.lookup({name, IpAddress(peer_.ip()), hello.alpn});
    if (!found) return nullptr;
    routed_protocol_ = found->protocol;
    return routes.tls_routes[found->payload];
}

certs::CredentialPtr Connection::challenge_answer() const {
    const ClientHello& hello = reader_.hello();
    if (!hello.server_name || !hello.offers_only(acme_protocol)) return nullptr;
    return worker_.challenges().find(*hello.server_name);
}

/// TLS-ALPN-01 (RFC 8737 §3): the handshake is the whole answer.
Task<> Connection::answer_challenge(certs::CredentialPtr answer) {
    deadline_ = std::min(deadline_, accepted_at_ + worker_.limits().challenge_timeout);
    if (!open_session(worker_.challenge_policy(), std::move(answer))) co_return;
    const bool done = co_await handshake();
    if (!done) co_return;
    Worker::count(worker_.counters().challenges_answered);
    log_end("none", "challenge answered");
    static_cast<void>(stream_->session().close_write());
    static_cast<void>(stream_->session().flush());
    co_await linger();
}

Task<> Connection::terminate(RoutePtr route) {
    if (reader_.hello().offers_only(acme_protocol)) {
        co_await refuse(alert_no_application_protocol, "client", "acme-tls/1 without a challenge");
        co_return;
    }
    if (!admitted(*route)) {
        co_await refuse(alert_access_denied, "client", "refused by a middleware");
        co_return;
    }
    // Taken now: once the wait for a certificate is over, a reload may have replaced both, and what
    // was routed on must be what is enforced.
    const std::shared_ptr<const tls::Policy> policy = worker_.policy_of(*entry_point_, *route);
    certs::CredentialPtr credential = co_await credential_for(*route);
    if (over()) {
        log_end(interruption(), "waited for a certificate");
        co_return;
    }
    if (!credential || !policy) {
        co_await refuse(alert_unrecognized_name, "proxy", "no certificate for the name");
        co_return;
    }
    if (!open_session(*policy, std::move(credential))) co_return;
    const bool done = co_await handshake();
    if (!done) co_return;
    Worker::count(worker_.counters().handshakes);
    if (stream_->session().resumed()) Worker::count(worker_.counters().handshakes_resumed);

    DescriptorPtr backend = co_await dial(*route->service);
    if (!backend) co_return;
    established();
    Held held(std::move(connection_slot_), std::move(places_));
    worker_.relays().add_tls(
        {entry_point_, std::move(route)}, std::move(held), std::move(stream_), std::move(backend));
}

bool Connection::admitted(const Route& route) {
    const Middleware* const refusing = first_refusing(route.middlewares, peer_.ip(), places_);
    if (refusing != nullptr) worker_.note_refused(route, *refusing, peer_);
    return refusing == nullptr;
}

/// Passes bytes as they are: plain TCP, or TLS that the backend terminates.
Task<> Connection::forward(RoutePtr route) {
    if (!route) {
        log_end("client", "no router for bytes that are not TLS");
        co_return;
    }
    if (route->closed) {
        log_end("proxy", "the router cannot be applied");
        co_return;
    }
    if (!admitted(*route)) {
        log_end("client", "refused by a middleware");
        co_return;
    }
    DescriptorPtr backend = co_await dial(*route->service);
    if (!backend) co_return;
    established();
    const Bytes received = reader_.take_received();
    worker_.relays().add_plain({entry_point_, std::move(route)},
                               {std::move(connection_slot_), std::move(places_)},
                               std::move(client_),
                               std::move(backend),
                               received);
}

/// Lets the TLS library read what the client sent and answer it with the alert that is due.
Task<> Connection::refuse(std::uint8_t alert, std::string_view cause, std::string_view why) {
    log_end(cause, why);
    wrap_in_tls();
    auto session = tls::Session::refuse(worker_.refusal_policy(), alert, *stream_);
    if (!session) co_return;
    stream_->set_session(std::move(*session));
    co_await handshake();
    co_await linger();
}

/// Null: the client is to be refused, or over().
Task<certs::CredentialPtr> Connection::credential_for(const Route& route) {
    const std::optional<Hostname>& name = server_name_;
    if (name) {
        certs::CredentialPtr found = co_await credential_named(*name, route.directory);
        if (found || over()) co_return found;
    }
    if (route.default_when_missing && !route.sni_strict) {
        certs::CredentialPtr found = co_await default_credential();
        co_return found;
    }
    if (name && !route.directory.empty()) worker_.note_missing_certificate(*name, route);
    co_return nullptr;
}

/// Waits while the certificate is being read. Null: there is none, or over().
Task<certs::CredentialPtr> Connection::credential_named(const Hostname& name,
                                                        const std::string& directory) {
    certs::CredentialPtr credential;
    while (!over()) {
        certs::Lookup found = worker_.certificates().find({name, directory, worker_.clock().now()});
        credential = std::move(found.credential);
        if (found.state != certs::Lookup::State::loading) break;
        worker_.await_certificate(found.entry->id, *this);
        co_await suspension_.wait();
    }
    worker_.forget_awaited(*this);
    co_return credential;
}

/// What is presented where no certificate fits the name. Null: there is nothing, or over().
Task<certs::CredentialPtr> Connection::default_credential() {
    if (worker_.generated_default()) {
        const GeneratedDefault generated = *worker_.generated_default();
        certs::CredentialPtr found = co_await credential_named(generated.name, generated.directory);
        if (found || over()) co_return found;
    }
    co_return worker_.default_credential();
}

void Connection::wrap_in_tls() {
    stream_ = std::make_unique<TlsStream>(std::move(client_), reader_.take_received());
}

bool Connection::open_session(const tls::Policy& policy, certs::CredentialPtr credential) {
    wrap_in_tls();
    auto session = tls::Session::accept(
        policy, std::move(credential), expected_of(reader_.hello(), routed_protocol_), *stream_);
    if (!session) {
        worker_.log().error(
            "", "cannot start a TLS session", {{"reason", session.error().message}});
        return false;
    }
    stream_->set_session(std::move(*session));
    return true;
}

/// False: failed (the client was told), over(), or the client left.
Task<bool> Connection::handshake() {
    for (;;) {
        if (over()) {
            log_end(interruption(), "no complete TLS handshake");
            co_return false;
        }
        switch (stream_->session().handshake()) {
            case tls::Progress::done:
                co_return true;
            case tls::Progress::want_read:
            case tls::Progress::want_write:
                break;
            default:
                log_end("client", stream_->session().failure().message);
                co_return false;
        }
        co_await suspension_.wait();
    }
}

/// Closing with unread bytes would reset the connection, and the client might never see what it
/// was told (RFC 9293 §3.6.1): so the end is announced and what still comes is thrown away.
Task<> Connection::linger() {
    deadline_ = std::min(deadline_, worker_.loop().now() + linger_time);
    if (finish_sending(socket()) != Io::ok) co_return;
    for (std::size_t thrown_away = 0; !over() && thrown_away < linger_bytes;) {
        std::size_t count = 0;
        const Io io = receive(socket(), worker_.scratch(), count);
        if (io == Io::end || io == Io::broken) co_return;
        thrown_away += count;
        if (io == Io::blocked) co_await suspension_.wait();
    }
}

/// The client has shown who it wants and a backend has answered.
void Connection::established() {
    constexpr int system_default = 0;
    set_user_timeout(socket().fd(), system_default);
}

void Connection::on_time(SteadyTime now) {
    if (now >= deadline_ && stop_ == Stop::none) stop_ = Stop::timeout;
    if (now >= std::min(deadline_, attempt_deadline_)) suspension_.wake();
}

void Connection::cancel() {
    stop_ = Stop::cancelled;
    suspension_.wake();
}

std::string_view Connection::interruption() const {
    switch (stop_) {
        case Stop::timeout:
            return "timeout";
        case Stop::cancelled:
            return "shutdown";
        case Stop::none:
            break;
    }
    return "client";
}

void Connection::log_end(std::string_view cause, std::string_view why) {
    if (std::exchange(end_logged_, true) || !worker_.log().enabled(LogLevel::debug)) return;
    const std::optional<Hostname>& name = reader_.hello().server_name;
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(worker_.loop().now() - accepted_at_);
    worker_.log().debug("",
                        "connection ended before it was established",
                        {{"peer", peer_.text()},
                         {"entry_point", entry_point_->name()},
                         {"server_name", name ? std::string_view(name->text()) : "-"},
                         {"cause", cause},
                         {"reason", why},
                         {"after_ms", static_cast<std::int64_t>(age.count())}});
}

}  // namespace mesh::proxy

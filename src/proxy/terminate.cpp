#include "proxy/alert.hpp"
#include "proxy/connection.hpp"
#include "proxy/worker.hpp"

#include <algorithm>
#include <utility>

namespace mesh::proxy {

namespace {

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

certs::CredentialPtr Connection::challenge_answer() const {
    const ClientHello& hello = reader_.hello();
    if (!hello.server_name || !hello.offers_only(tls::acme_protocol)) return nullptr;
    return worker_.challenges().find(*hello.server_name);
}

/// TLS-ALPN-01 (RFC 8737 §3): the handshake is the whole answer.
Task<> Connection::answer_challenge(certs::CredentialPtr answer) {
    deadline_ = std::min(deadline_, accepted_at_ + worker_.limits().challenge_timeout);
    if (!open_session(worker_.challenge_policy(), std::move(answer))) co_return;
    const bool done = co_await handshake();
    if (!done) co_return;
    worker_.counters().challenges_answered.add();
    log_end(Cause::none, "challenge answered");
    static_cast<void>(stream_->session().close_write());
    static_cast<void>(stream_->session().flush());
    co_await linger();
}

Task<> Connection::terminate(RoutePtr route) {
    if (reader_.hello().offers_only(tls::acme_protocol)) {
        co_await refuse(
            alert::no_application_protocol, Cause::client, "acme-tls/1 without a challenge");
        co_return;
    }
    if (!admitted(*route)) {
        co_await refuse(alert::access_denied, Cause::client, "refused by a middleware");
        co_return;
    }
    // Taken now: once the wait for a certificate is over, a reload may have replaced both, and what
    // was routed on must be what is enforced.
    const std::shared_ptr<const tls::Policy> policy = worker_.policy_of(*entry_point_, *route);
    certs::CredentialPtr credential = co_await credential_for(*route);
    if (over()) {
        // The client has done its part.
        log_end(stop_ == Stop::timeout ? Cause::proxy : interruption(), "waited for a certificate");
        co_return;
    }
    if (!credential || !policy) {
        co_await refuse(alert::unrecognized_name, Cause::proxy, "no certificate for the name");
        co_return;
    }
    if (!open_session(*policy, std::move(credential))) co_return;
    const bool done = co_await handshake();
    if (!done) co_return;
    worker_.counters().handshakes.add();
    if (record_) record_->note_secured(stream_->session(), worker_.loop().now());
    if (stream_->session().resumed()) worker_.counters().handshakes_resumed.add();

    ServerEnd backend = co_await dial(*route->service);
    if (!backend) co_return;
    established();
    Held held(std::move(connection_slot_), std::move(places_), std::move(server_slot_));
    worker_.relays().add_tls({entry_point_, std::move(route), std::move(record_)},
                             std::move(held),
                             std::move(stream_),
                             std::move(backend));
}

/// Lets the TLS library read what the client sent and answer it with the alert that is due.
Task<> Connection::refuse(std::uint8_t alert, Cause cause, std::string_view why) {
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
        log_end(Cause::proxy, "cannot start a TLS session");
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
                log_end(Cause::client, stream_->session().failure().message);
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

}  // namespace mesh::proxy

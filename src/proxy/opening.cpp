// What a connection begins with: TLS, a protocol that asks for TLS in the clear, or neither.
#include "proxy/connection.hpp"
#include "proxy/postgres_startup.hpp"
#include "proxy/sniffer.hpp"
#include "proxy/worker.hpp"

#include <array>
#include <utility>

namespace mesh::proxy {

namespace {

/// Of what a client may ask in the clear only so much is answered before TLS has to begin, or the
/// client to go on without: Postgres clients ask for GSSAPI once and then for TLS once.
constexpr unsigned answers_max = 1;

}  // namespace

/// `not_tls`: a plain route's, if there is any. `need_more`: nothing is left to do.
Task<ClientHelloReader::State> Connection::read_opening() {
    using State = ClientHelloReader::State;
    expect_silence();
    Sniffed sniffed;
    while (sniffed.opening == Opening::need_more) {
        const Heard heard = co_await hear("no first bytes that tell what it speaks");
        if (heard == Heard::nothing) co_return State::need_more;
        if (heard == Heard::silence) co_return State::not_tls;
        if (heard == Heard::end) {
            if (reader_.state() == State::not_tls) co_return State::not_tls;
            log_end(Cause::client, "closed before a complete ClientHello");
            co_return State::need_more;
        }
        sniffed = recognize();
    }
    attempt_deadline_ = SteadyTime::max();
    if (sniffed.opening == Opening::other) co_return State::not_tls;
    if (sniffed.opening == Opening::start_tls) {
        start_tls_ = sniffed.protocol;
        const Talk talk = co_await talk_in_the_clear();
        if (talk == Talk::plain) co_return State::not_tls;
        if (talk == Talk::over) co_return State::need_more;
    }
    const State state = co_await read_hello();
    co_return state;
}

/// A client that waits for the server to begin is to be noticed, where that is wanted and there is
/// a server for it.
void Connection::expect_silence() {
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    if (!routes.detect.server_first_timeout || routes.plain.empty()) return;
    attempt_deadline_ = may_speak_since_ + *routes.detect.server_first_timeout;
}

/// True once, if a plain route takes the client.
bool Connection::is_silent_for_long() {
    if (worker_.loop().now() < attempt_deadline_ || !reader_.received().empty()) return false;
    attempt_deadline_ = SteadyTime::max();
    return plain_route() != nullptr;
}

/// Reads once what the client says. `nothing`: it is gone or out of time; then `missing` is why.
Task<Connection::Heard> Connection::hear(std::string_view missing) {
    for (;;) {
        if (over()) {
            log_end(interruption(), missing);
            co_return Heard::nothing;
        }
        const auto into = worker_.scratch().first(ClientHelloReader::wanted_max());
        std::size_t count = 0;
        const Io io = receive(*client_, into, count);
        if (io == Io::ok) {
            reader_.feed(into.first(count));
            co_return Heard::bytes;
        }
        if (io == Io::end) co_return Heard::end;
        if (io == Io::broken) {
            log_end(Cause::client, missing);
            co_return Heard::nothing;
        }
        if (is_silent_for_long()) co_return Heard::silence;
        co_await suspension_.wait();
    }
}

/// A protocol that asks for TLS is answered only where a TLS route could take the client: elsewhere
/// every byte is for a plain route's server, which may speak it.
Sniffed Connection::recognize() const {
    static const std::array<const StartTls*, 1> protocols{&postgres()};
    const EntryPointRoutes& routes = worker_.routes(*entry_point_);
    const std::size_t looked_for = routes.detect.postgres ? protocols.size() : 0;
    const Sniffed sniffed = sniff(reader_.received(), std::span(protocols).first(looked_for));
    if (sniffed.opening != Opening::start_tls) return sniffed;
    if (routes.tls.may_route(IpAddress(client_address_.ip()))) return sniffed;
    return {Opening::other, nullptr};
}

/// Answers the client until TLS begins.
Task<Connection::Talk> Connection::talk_in_the_clear() {
    using Action = ClientStep::Action;
    for (unsigned answered = 0;;) {
        const ClientStep step = start_tls_->client_says(reader_.received());
        switch (step.action) {
            case Action::need_more: {
                const Heard heard = co_await hear("no complete request for TLS");
                if (heard == Heard::bytes) break;
                if (heard == Heard::end) log_end(Cause::client, "closed before it asked for TLS");
                co_return Talk::over;
            }
            case Action::answer:
            case Action::start_tls: {
                if (step.action == Action::answer && answered++ == answers_max) {
                    log_end(Cause::client, "asks again for what it was refused");
                    co_return Talk::over;
                }
                const bool told = co_await tell(step.answer);
                if (!told) co_return Talk::over;
                forget_first(step.size);
                if (step.action == Action::start_tls) co_return Talk::tls;
                break;
            }
            case Action::plain:
            case Action::cancel: {
                if (plain_route()) co_return Talk::plain;
                if (step.action == Action::cancel) {
                    co_await pass_on_cancel(step.size);
                } else {
                    co_await demand_tls();
                }
                co_return Talk::over;
            }
            case Action::malformed:
                log_end(Cause::client, step.reason);
                co_return Talk::over;
        }
    }
}

/// The client's protocol has words for it.
Task<> Connection::demand_tls() {
    log_end(Cause::client, "goes on in the clear, where every router wants TLS");
    const bool told = co_await tell(start_tls_->tls_required);
    if (told) co_await linger();
}

/// What was received goes on behind its first `count` bytes.
void Connection::forget_first(std::size_t count) {
    const Bytes received = reader_.take_received();
    reader_ = {};
    const ByteView rest = ByteView(received).subspan(count);
    if (!rest.empty()) reader_.feed(rest);
}

/// Sends all of it; `bytes` must outlive the coroutine. False: the client is gone or out of time.
Task<bool> Connection::tell(ByteView bytes) {
    while (!bytes.empty()) {
        if (over()) {
            log_end(interruption(), "did not take what it was told");
            co_return false;
        }
        std::size_t count = 0;
        const Io io = transmit(*client_, bytes, count);
        if (io == Io::broken) {
            log_end(Cause::client, "did not take what it was told");
            co_return false;
        }
        bytes = bytes.subspan(count);
        if (io == Io::blocked) co_await suspension_.wait();
    }
    co_return true;
}

/// `need_more`: the client is gone, out of time, or does not begin TLS although it asked for it.
Task<ClientHelloReader::State> Connection::read_hello() {
    using State = ClientHelloReader::State;
    while (reader_.state() == State::need_more) {
        const Heard heard = co_await hear("no complete ClientHello");
        if (heard == Heard::bytes) continue;
        if (heard == Heard::end) log_end(Cause::client, "closed before a complete ClientHello");
        co_return State::need_more;
    }
    if (reader_.state() != State::not_tls) co_return reader_.state();
    log_end(Cause::client, "asked for TLS and sent something else");
    co_return State::need_more;
}

}  // namespace mesh::proxy

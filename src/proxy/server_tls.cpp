// Asking a server for TLS in its own protocol, and TLS of mesh's own towards it.
#include "proxy/connection.hpp"
#include "proxy/postgres_startup.hpp"
#include "proxy/socket_options.hpp"
#include "proxy/start_tls.hpp"
#include "proxy/worker.hpp"

#include <array>
#include <cerrno>

namespace mesh::proxy {

/// Between a server's connect and the TLS handshake with it, where one of the two parts asks for
/// it: the request, and one answer, behind which nothing may come before TLS. False, with
/// dial_error_ set, or over(): there will be no TLS. All of the arguments must outlive the
/// coroutine.
Task<bool> Connection::ask_for_tls(Descriptor& backend,
                                   const Service& service,
                                   const model::Server& server) {
    const bool is_own = server.tls == model::ServerTls::postgres;
    const StartTls* const protocol = is_own ? &postgres() : ask_server_;
    if (protocol == nullptr) co_return true;
    const ServerTls answer = co_await request_tls(backend, *protocol);
    if (answer == ServerTls::ready) co_return true;
    reset_on_close(backend.fd());
    if (answer == ServerTls::unreachable) {
        if (is_own && !dial_reason_.empty())
            worker_.note_failed_handshake(service, server, dial_reason_);
        co_return false;
    }
    // Where the client's own TLS passes through, what the server says is no accident: another one
    // would be asked in vain, or not be asked.
    server_refused_tls_ = !is_own;
    dial_error_ = EPROTO;
    if (answer == ServerTls::refused) {
        worker_.note_without_tls(server, *protocol);
        dial_reason_ = "it has no TLS";
        if (!is_own) log_end(Cause::server, "the server has no TLS");
    } else {
        worker_.note_odd_tls_answer(server, *protocol);
        dial_reason_ = "it answers a request for TLS oddly";
        if (!is_own) log_end(Cause::server, "the server answered a request for TLS oddly");
    }
    co_return false;
}

Task<Connection::ServerTls> Connection::request_tls(Descriptor& backend, const StartTls& protocol) {
    ByteView unsent = protocol.request;
    std::array<std::uint8_t, 256> buffer{};
    std::size_t received = 0;
    dial_error_ = ETIMEDOUT;
    while (!over() && worker_.loop().now() < attempt_deadline_) {
        std::size_t count = 0;
        Io io = Io::ok;
        if (!unsent.empty()) {
            io = transmit(backend, unsent, count);
            unsent = unsent.subspan(count);
        } else {
            io = receive(backend, std::span(buffer).subspan(received), count);
            received += count;
            const auto answer = protocol.server_says(std::span(buffer).first(received));
            if (answer == StartTls::Answer::yes) co_return ServerTls::ready;
            if (answer == StartTls::Answer::no) co_return ServerTls::refused;
            if (answer == StartTls::Answer::failed) {
                dial_error_ = EPROTO;
                dial_reason_ = "it reported an error when asked for TLS";
                co_return ServerTls::unreachable;
            }
            if (answer == StartTls::Answer::malformed || received == buffer.size())
                co_return ServerTls::malformed;
        }
        if (io == Io::end || io == Io::broken) {
            dial_error_ = ECONNRESET;
            break;
        }
        if (io == Io::blocked) co_await suspension_.wait();
    }
    if (dial_error_ == ETIMEDOUT && !over()) dial_reason_ = "no answer when asked for TLS";
    co_return ServerTls::unreachable;
}

/// The handshake of mesh's own TLS, where the server is to have it. Empty with dial_error_ set, or
/// over(): it was not completed, or the certificate is not the server's.
Task<ServerEnd> Connection::secure(DescriptorPtr socket,
                                   const Service& service,
                                   const model::Server& server) {
    if (server.tls == model::ServerTls::none) co_return ServerEnd(std::move(socket));
    auto stream = std::make_unique<TlsStream>(std::move(socket), Bytes());
    std::string trouble = "nothing to speak it with";
    if (const tls::UpstreamPolicyPtr& policy = service.transport.tls) {
        auto session = tls::Session::connect(*policy, server.host, *stream);
        trouble = session ? std::string() : session.error().message;
        if (session) stream->set_session(std::move(*session));
    }
    if (!trouble.empty()) {
        worker_.note_local_dial_failure(server, "TLS: " + trouble);
        dial_error_ = ENOMEM;
        co_return ServerEnd();
    }
    stream->set_server({service.name, server.text()});
    const bool done = co_await shake_hands(*stream);
    if (done) co_return ServerEnd(std::move(stream));
    // One that was told what is wrong shall read it.
    if (dial_error_ == ETIMEDOUT) reset_on_close(stream->socket().fd());
    if (!dial_reason_.empty()) worker_.note_failed_handshake(service, server, dial_reason_);
    co_return ServerEnd();
}

/// False with dial_error_ set, and dial_reason_ where the server is to blame; or over().
Task<bool> Connection::shake_hands(TlsStream& stream) {
    dial_error_ = ETIMEDOUT;
    while (!over() && worker_.loop().now() < attempt_deadline_) {
        switch (stream.session().handshake()) {
            case tls::Progress::done:
                co_return true;
            case tls::Progress::want_read:
            case tls::Progress::want_write:
                break;
            default:
                dial_error_ = EPROTO;
                dial_reason_ = stream.session().failure().message;
                co_return false;
        }
        co_await suspension_.wait();
    }
    if (!over()) dial_reason_ = "no TLS handshake in time";
    co_return false;
}

}  // namespace mesh::proxy

#include "tls/session.hpp"

#include "tls/session_state.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace mesh::tls {
namespace {

constexpr std::size_t record_overhead = 32;  // header, type, tag; more than enough
/// Gathered bytes beyond which no more plaintext is taken, and at which a long write starts to
/// send: a turn's worth, not a connection's.
constexpr std::size_t gather_limit = 64 * 1024;

const Error no_failure{Errc::internal, Origin::internal, ""};

}  // namespace

Result<std::unique_ptr<Session>> Session::accept(const Policy& policy,
                                                 std::shared_ptr<const Credential> credential,
                                                 ExpectedHello expected,
                                                 Transport& transport) {
    if (!credential)
        return Error{Errc::internal, Origin::internal, "a TLS session needs a certificate"};
    std::unique_ptr<Session> session(new Session(transport, false));
    State& state = *session->state_;
    if (auto opened = state.open(policy.native()); !opened) return opened.error();
    if (auto presented = state.present(*credential); !presented) return presented.error();
    state.handshake = std::make_unique<State::Handshake>();
    state.handshake->expected = std::move(expected);
    state.handshake->credential = std::move(credential);
    return session;
}

Result<std::unique_ptr<Session>> Session::refuse(const Policy& policy,
                                                 std::uint8_t alert,
                                                 Transport& transport) {
    std::unique_ptr<Session> session(new Session(transport, false));
    State& state = *session->state_;
    if (auto opened = state.open(policy.native()); !opened) return opened.error();
    state.handshake = std::make_unique<State::Handshake>();
    state.handshake->refuse_with = alert;
    return session;
}

Session::Session(Transport& transport, bool to_server)
    : state_(std::make_unique<State>(transport,
                                     to_server ? State::Side::client : State::Side::server)) {}
Session::~Session() = default;

Progress Session::handshake() {
    State& state = *state_;
    if (state.failed) return Progress::failed;
    if (const Progress flushed = state.flush(); flushed != Progress::done) return flushed;
    if (state.established()) return Progress::done;
    if (state.read_end) return *state.read_end;
    return state.step();
}

Progress Session::read(std::span<std::uint8_t> into, std::size_t& count) {
    State& state = *state_;
    count = 0;
    if (state.read_end) return *state.read_end;
    if (!state.established()) return Progress::want_read;
    do {
        const std::size_t taken = state.take_record(into.subspan(count));
        if (taken == 0) break;
        count += taken;
    } while (count < into.size() && SSL_has_pending(state.ssl.get()) == 1);
    if (count > 0) return Progress::done;
    return state.read_end.value_or(Progress::want_read);
}

Progress Session::write(ByteView bytes) {
    State& state = *state_;
    if (state.failed) return Progress::failed;
    if (!state.established() || state.close_sent)
        return state.fail({Errc::internal, Origin::internal, "write on a TLS session not open"});
    if (state.wire.gathered() >= gather_limit) return Progress::want_write;
    while (!bytes.empty()) {
        const ByteView chunk = bytes.first(std::min(bytes.size(), record_size));
        bytes = bytes.subspan(chunk.size());
        if (state.wire.gathered() == 0) {
            const std::size_t coming = std::min(chunk.size() + bytes.size(), gather_limit);
            state.wire.reserve(coming + (coming / record_size + 1) * record_overhead);
        }
        if (!state.seal(chunk)) return Progress::failed;
        // What the peer does not take of a long write stays gathered: it is inside the session.
        if (state.wire.gathered() >= gather_limit && state.flush() == Progress::failed)
            return Progress::failed;
    }
    return Progress::done;
}

Progress Session::flush() {
    return state_->flush();
}

Progress Session::close_write() {
    State& state = *state_;
    if (state.failed) return Progress::failed;
    if (!state.established() || state.close_sent) return Progress::done;
    ERR_clear_error();
    const int outcome = SSL_shutdown(state.ssl.get());
    if (outcome < 0 && SSL_get_error(state.ssl.get(), outcome) != SSL_ERROR_WANT_READ)
        return state.fail(state.describe("TLS close failed"));
    state.close_sent = true;
    return Progress::done;
}

std::size_t Session::unsent() const {
    return state_->wire.gathered();
}

bool Session::has_pending() const {
    return !state_->read_end && SSL_has_pending(state_->ssl.get()) == 1;
}

std::string Session::alpn() const {
    const unsigned char* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(state_->ssl.get(), &protocol, &size);
    return std::string(as_text(ByteView(protocol, size)));
}

std::string Session::version() const {
    return SSL_get_version(state_->ssl.get());
}
std::string Session::cipher() const {
    return SSL_get_cipher_name(state_->ssl.get());
}
std::string Session::group() const {
    SSL* const ssl = state_->ssl.get();
    const long id = SSL_get_negotiated_group(ssl);
    const char* const name = id != 0 ? SSL_group_to_name(ssl, static_cast<int>(id)) : nullptr;
    return name != nullptr ? name : "";
}
bool Session::resumed() const {
    return SSL_session_reused(state_->ssl.get()) == 1;
}

const Error& Session::failure() const {
    return state_->failure ? *state_->failure : no_failure;
}

bool Session::ended_by_alert() const {
    return state_->was_alerted;
}

}  // namespace mesh::tls

#include "tls/session.hpp"

#include "tls/hello_check.hpp"
#include "tls/key_updates.hpp"
#include "tls/openssl_error.hpp"
#include "tls/openssl_ptr.hpp"
#include "tls/policy_state.hpp"
#include "tls/wire.hpp"

#include <openssl/err.h>

#include <algorithm>

namespace mesh::tls {
namespace {

constexpr std::size_t record_size = 16 * 1024;
constexpr std::size_t record_overhead = 32;  // header, type, tag; more than enough
/// Gathered bytes beyond which no more plaintext is taken, and at which a long write starts to
/// send: a turn's worth, not a connection's.
constexpr std::size_t gather_limit = 64 * 1024;

const Error no_failure{Errc::internal, Origin::internal, ""};

Error lost_connection() {
    return {Errc::io, Origin::client, "the connection to the client was lost"};
}

}  // namespace

struct Session::State {
    /// Only needed until the handshake is over, and freed then.
    struct Handshake {
        ExpectedHello expected;
        std::shared_ptr<const Credential> credential;
        std::optional<std::uint8_t> refuse_with;
        HelloVerdict verdict = HelloVerdict::equal;
    };

    explicit State(Transport& transport) : wire(transport) {}

    Wire wire;  // before `ssl`, whose BIO points to it
    SslPtr ssl;
    std::unique_ptr<Handshake> handshake;  // null once established
    std::unique_ptr<Error> failure;
    std::optional<Progress> read_end;  // what every further read says
    KeyUpdates key_updates;
    bool failed = false;
    bool close_sent = false;

    [[nodiscard]] bool established() const { return !handshake && !failed; }

    Status open(const Policy& policy);
    Status present(const Credential& credential);
    Progress step();
    Progress establish();
    Progress fail(Error error);
    Progress ended(int ssl_error, std::string_view doing);
    Progress flush();
    std::size_t take_record(std::span<std::uint8_t> into);
    bool seal(ByteView chunk);
    [[nodiscard]] Error describe(std::string_view doing) const;

    static State* of(const SSL* ssl) { return static_cast<State*>(SSL_get_app_data(ssl)); }
    static int on_client_hello(SSL* ssl, int* alert, void*) noexcept;
    static int on_server_name(SSL*, int*, void*) noexcept;
    static void on_message(int sent,
                           int version,
                           int type,
                           const void* bytes,
                           std::size_t size,
                           SSL* ssl,
                           void*) noexcept;
};

void configure_session_callbacks(SSL_CTX* context) {
    Session::configure(context);
}

void Session::configure(ssl_ctx_st* context) {
    SSL_CTX_set_client_hello_cb(context, State::on_client_hello, nullptr);
    // What the macro of this call does, without its C cast.
    SSL_CTX_callback_ctrl(context,
                          SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(State::on_server_name));
    SSL_CTX_set_msg_callback(context, State::on_message);
}

Status Session::State::open(const Policy& policy) {
    ERR_clear_error();
    ssl.reset(SSL_new(policy.native()));
    BioPtr bio = wire.make_bio();
    if (!ssl || !bio || SSL_set_app_data(ssl.get(), this) != 1)
        return openssl_error("cannot open a TLS session");
    BIO* const both = bio.release();
    SSL_set_bio(ssl.get(), both, both);
    SSL_set_accept_state(ssl.get());
    return {};
}

Status Session::State::present(const Credential& credential) {
    if (SSL_use_cert_and_key(ssl.get(),
                             credential.chain().native().front().get(),
                             credential.key().native(),
                             credential.chain().native_issuers(),
                             1) != 1)
        return openssl_error("the certificate cannot be used");
    return {};
}

Result<std::unique_ptr<Session>> Session::accept(const Policy& policy,
                                                 std::shared_ptr<const Credential> credential,
                                                 ExpectedHello expected,
                                                 Transport& transport) {
    if (!credential)
        return Error{Errc::internal, Origin::internal, "a TLS session needs a certificate"};
    std::unique_ptr<Session> session(new Session(transport));
    State& state = *session->state_;
    if (auto opened = state.open(policy); !opened) return opened.error();
    if (auto presented = state.present(*credential); !presented) return presented.error();
    state.handshake = std::make_unique<State::Handshake>();
    state.handshake->expected = std::move(expected);
    state.handshake->credential = std::move(credential);
    return session;
}

Result<std::unique_ptr<Session>> Session::refuse(const Policy& policy,
                                                 std::uint8_t alert,
                                                 Transport& transport) {
    std::unique_ptr<Session> session(new Session(transport));
    State& state = *session->state_;
    if (auto opened = state.open(policy); !opened) return opened.error();
    state.handshake = std::make_unique<State::Handshake>();
    state.handshake->refuse_with = alert;
    return session;
}

Session::Session(Transport& transport) : state_(std::make_unique<State>(transport)) {}
Session::~Session() = default;

int Session::State::on_client_hello(SSL* ssl, int* alert, void*) noexcept {
    State* const state = of(ssl);
    if (!state || !state->handshake) return SSL_CLIENT_HELLO_ERROR;
    Handshake& handshake = *state->handshake;
    try {
        handshake.verdict =
            handshake.refuse_with ? check_hello(ssl) : compare_hello(ssl, handshake.expected);
    } catch (...) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    switch (handshake.verdict) {
        case HelloVerdict::malformed:
            *alert = SSL_AD_DECODE_ERROR;
            return SSL_CLIENT_HELLO_ERROR;
        case HelloVerdict::different:
            *alert = SSL_AD_ILLEGAL_PARAMETER;
            return SSL_CLIENT_HELLO_ERROR;
        case HelloVerdict::equal:
            break;
    }
    if (!handshake.refuse_with) return SSL_CLIENT_HELLO_SUCCESS;
    *alert = *handshake.refuse_with;
    return SSL_CLIENT_HELLO_ERROR;
}

/// Tells the client that its name was used (RFC 6066 §3).
int Session::State::on_server_name(SSL*, int*, void*) noexcept {
    return SSL_TLSEXT_ERR_OK;
}

void Session::State::on_message(
    int sent, int, int type, const void* bytes, std::size_t size, SSL* ssl, void*) noexcept {
    if (sent != 0 || type != SSL3_RT_HANDSHAKE || size == 0) return;
    if (*static_cast<const std::uint8_t*>(bytes) != SSL3_MT_KEY_UPDATE) return;
    State* const state = of(ssl);
    if (state && !state->key_updates.allow(std::chrono::steady_clock::now()))
        state->wire.stop_reading();
}

Error Session::State::describe(std::string_view doing) const {
    if (wire.broken()) {
        ERR_clear_error();
        return lost_connection();
    }
    if (key_updates.flooded()) {
        ERR_clear_error();
        return {Errc::limit, Origin::client, "the client sends KeyUpdates without end"};
    }
    if (handshake && handshake->verdict == HelloVerdict::different) {
        ERR_clear_error();
        return {Errc::tls, Origin::client, "the ClientHello differs from the one that was routed"};
    }
    Error error = openssl_error(doing, Origin::client);
    if (const long verified = SSL_get_verify_result(ssl.get()); verified != X509_V_OK)
        error.message += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
    return error;
}

Progress Session::State::fail(Error error) {
    failed = true;
    failure = std::make_unique<Error>(std::move(error));
    read_end = Progress::failed;
    // The alert, when there is one and the peer takes it at once; nobody waits for it.
    if (!wire.broken()) static_cast<void>(wire.flush());
    return Progress::failed;
}

/// What a call that did not succeed means for the connection.
Progress Session::State::ended(int ssl_error, std::string_view doing) {
    switch (ssl_error) {
        case SSL_ERROR_WANT_READ:
            return Progress::want_read;
        case SSL_ERROR_ZERO_RETURN:
            ERR_clear_error();
            read_end = Progress::closed;
            return Progress::closed;
        case SSL_ERROR_SYSCALL:
            if (!wire.at_end() || wire.broken()) break;
            ERR_clear_error();
            read_end = Progress::truncated;
            return Progress::truncated;
        default:
            break;
    }
    return fail(describe(doing));
}

Progress Session::State::flush() {
    if (failed) return Progress::failed;
    switch (wire.flush()) {
        case Transport::Outcome::ok:
            return Progress::done;
        case Transport::Outcome::would_block:
            return Progress::want_write;
        default:
            return fail(lost_connection());
    }
}

Progress Session::handshake() {
    State& state = *state_;
    if (state.failed) return Progress::failed;
    if (const Progress flushed = state.flush(); flushed != Progress::done) return flushed;
    if (state.established()) return Progress::done;
    if (state.read_end) return *state.read_end;
    return state.step();
}

Progress Session::State::step() {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl.get());
    if (outcome == 1) return establish();
    const Progress progress = ended(SSL_get_error(ssl.get(), outcome), "TLS handshake failed");
    if (progress != Progress::want_read) return progress;
    const Progress flushed = flush();
    return flushed == Progress::done ? Progress::want_read : flushed;
}

Progress Session::State::establish() {
    const ClientAuth auth = PolicyState::of(ssl.get()).settings.client_auth;
    // Whatever path the handshake took, the outcome is looked at once more in one place.
    if (requires_certificate(auth) && !SSL_get0_peer_certificate(ssl.get()))
        return fail({Errc::tls, Origin::client, "TLS handshake failed: no client certificate"});
    if (verifies(auth) && SSL_get_verify_result(ssl.get()) != X509_V_OK)
        return fail(describe("TLS handshake failed"));
    // An open connection needs its certificate no more; a swapped one can go.
    SSL_certs_clear(ssl.get());
    handshake.reset();
    return flush();
}

std::size_t Session::State::take_record(std::span<std::uint8_t> into) {
    std::size_t count = 0;
    ERR_clear_error();
    const int outcome = SSL_read_ex(ssl.get(), into.data(), into.size(), &count);
    if (outcome == 1) return count;
    const Progress progress = ended(SSL_get_error(ssl.get(), outcome), "TLS read failed");
    if (progress == Progress::want_read && key_updates.flooded()) fail(describe({}));
    return 0;
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

bool Session::State::seal(ByteView chunk) {
    key_updates.renew_own_key(ssl.get(), chunk.size());
    std::size_t taken = 0;
    ERR_clear_error();
    if (SSL_write_ex(ssl.get(), chunk.data(), chunk.size(), &taken) == 1 && taken == chunk.size())
        return true;
    fail(describe("TLS write failed"));
    return false;
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

void Session::rebind(Transport& transport) {
    state_->wire.rebind(transport);
}

bool Session::has_unsent() const {
    return state_->wire.gathered() > 0;
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
bool Session::resumed() const {
    return SSL_session_reused(state_->ssl.get()) == 1;
}

const Error& Session::failure() const {
    return state_->failure ? *state_->failure : no_failure;
}

}  // namespace mesh::tls

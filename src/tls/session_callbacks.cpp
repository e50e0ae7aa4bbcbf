// What OpenSSL asks while a session runs.
#include "tls/policy_state.hpp"
#include "tls/session_state.hpp"

namespace mesh::tls {
namespace {

/// Servers send one to four after the handshake.
constexpr std::uint8_t tickets_max = 32;  // in a second

}  // namespace

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

std::string_view routed_protocol(const SSL* ssl) {
    const auto* const state = Session::State::of(ssl);
    return state != nullptr && state->handshake ? state->handshake->expected.routed_protocol
                                                : std::string_view();
}

/// Tells the client that its name was used (RFC 6066 §3).
int Session::State::on_server_name(SSL*, int*, void*) noexcept {
    return SSL_TLSEXT_ERR_OK;
}

void Session::State::on_message(
    int sent, int, int type, const void* bytes, std::size_t size, SSL* ssl, void*) noexcept {
    if (sent != 0 || type != SSL3_RT_HANDSHAKE || size == 0) return;
    State* const state = of(ssl);
    if (!state) return;
    const std::uint8_t message = *static_cast<const std::uint8_t*>(bytes);
    if (message == SSL3_MT_KEY_UPDATE &&
        !state->key_updates.allow(std::chrono::steady_clock::now(), state->wire.gathered()))
        state->wire.stop_reading();
    // The library reads on behind each, and keeps what it says: for as long as they come, one call
    // of it would not return (RFC 8446 §4.6.1).
    if (message == SSL3_MT_NEWSESSION_TICKET && state->side == Side::client &&
        !state->tickets.allow(std::chrono::steady_clock::now(), tickets_max)) {
        state->sends_tickets = true;
        state->wire.stop_reading();
    }
    // TLS 1.2's way to begin again. The library answers each with an alert (RFC 5246 §7.2.2) and
    // reads on: four bytes make it gather thirty, and the peer need not read them.
    const int again = state->side == Side::server ? SSL3_MT_CLIENT_HELLO : SSL3_MT_HELLO_REQUEST;
    if (message == again && state->established()) {
        state->renegotiates = true;
        state->wire.stop_reading();
    }
}

}  // namespace mesh::tls

#include "tls/session_state.hpp"

#include "tls/openssl_error.hpp"
#include "tls/policy_state.hpp"

#include <openssl/err.h>

namespace mesh::tls {

Error Session::State::lost_connection() const {
    return {Errc::io, peer_origin(), "the connection to " + the_peer() + " was lost"};
}

Status Session::State::open(SSL_CTX* context) {
    ERR_clear_error();
    ssl.reset(SSL_new(context));
    BioPtr bio = wire.make_bio();
    if (!ssl || !bio || SSL_set_app_data(ssl.get(), this) != 1)
        return openssl_error("cannot open a TLS session");
    BIO* const both = bio.release();
    SSL_set_bio(ssl.get(), both, both);
    if (side == Side::server)
        SSL_set_accept_state(ssl.get());
    else
        SSL_set_connect_state(ssl.get());
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

Error Session::State::describe(std::string_view doing) const {
    if (wire.broken()) {
        ERR_clear_error();
        return lost_connection();
    }
    if (key_updates.flooded()) {
        ERR_clear_error();
        return {Errc::limit, peer_origin(), the_peer() + " sends KeyUpdates without end"};
    }
    if (sends_tickets) {
        ERR_clear_error();
        return {Errc::limit, peer_origin(), the_peer() + " sends session tickets without end"};
    }
    if (renegotiates) {
        ERR_clear_error();
        return {Errc::tls, peer_origin(), the_peer() + " asks for a renegotiation"};
    }
    if (handshake && handshake->verdict == HelloVerdict::different) {
        ERR_clear_error();
        return {Errc::tls, Origin::client, "the ClientHello differs from the one that was routed"};
    }
    const bool is_no_tls = ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
    Error error = openssl_error(doing, peer_origin());
    if (is_no_tls && side == Side::client) error.message += " (does it speak TLS?)";
    const bool verifies_peer = SSL_get_verify_mode(ssl.get()) != SSL_VERIFY_NONE;
    if (const long verified = SSL_get_verify_result(ssl.get());
        verifies_peer && verified != X509_V_OK)
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
    if (ssl_error == SSL_ERROR_WANT_READ) return Progress::want_read;
    const bool ended_early = ssl_error == SSL_ERROR_SYSCALL && wire.at_end() && !wire.broken();
    const bool closed = ssl_error == SSL_ERROR_ZERO_RETURN;
    if (!closed && !ended_early) {
        // The library's reason for an alert of the peer is the alert's number behind this one.
        was_alerted = ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET;
        return fail(describe(doing));
    }

    ERR_clear_error();
    if (closed && !handshake) {
        read_end = Progress::closed;
        return Progress::closed;
    }
    read_end = Progress::truncated;
    failure = std::make_unique<Error>(
        Error{Errc::closed,
              peer_origin(),
              the_peer() + (handshake ? " left during the TLS handshake"
                                      : "'s bytes ended without a close_notify")});
    return Progress::truncated;
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

Progress Session::State::step() {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl.get());
    if (outcome == 1) return establish();
    const Progress progress = ended(SSL_get_error(ssl.get(), outcome), "TLS handshake failed");
    if (progress != Progress::want_read) return progress;
    const Progress flushed = flush();
    return flushed == Progress::done ? Progress::want_read : flushed;
}

Status Session::State::check_client() const {
    const ClientAuth auth = PolicyState::of(ssl.get()).settings.client_auth;
    if (requires_certificate(auth) && !SSL_get0_peer_certificate(ssl.get()))
        return Error{Errc::tls, Origin::client, "TLS handshake failed: no client certificate"};
    if (verifies(auth) && SSL_get_verify_result(ssl.get()) != X509_V_OK)
        return describe("TLS handshake failed");
    return {};
}

Progress Session::State::establish() {
    // Whatever path the handshake took, the outcome is looked at once more in one place.
    const Status checked = side == Side::server ? check_client() : check_server();
    if (!checked) return fail(checked.error());
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
    if (progress == Progress::want_read && is_unwanted()) fail(describe({}));
    return 0;
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

}  // namespace mesh::tls

// What differs where mesh is the client.
#include "tls/openssl_error.hpp"
#include "tls/session_state.hpp"

#include <openssl/err.h>

#include <string>

namespace mesh::tls {

Result<std::unique_ptr<Session>> Session::connect(const UpstreamPolicy& policy,
                                                  std::string_view host,
                                                  Transport& transport) {
    std::unique_ptr<Session> session(new Session(transport, true));
    State& state = *session->state_;
    if (auto opened = state.open(policy.native()); !opened) return opened.error();
    SSL_set_msg_callback(state.ssl.get(), State::on_message);
    if (auto named = state.expect(policy.expected_name(host)); !named) return named.error();
    state.handshake = std::make_unique<State::Handshake>();
    return session;
}

/// An address is verified, but not named in the hello (RFC 6066 §3).
Status Session::State::expect(std::string_view name) {
    X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl.get());
    const std::string text(name);
    ERR_clear_error();
    if (X509_VERIFY_PARAM_set1_ip_asc(expected, text.c_str()) == 1) return {};
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(
        expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    std::string sent = text;  // the call is not const
    if (!text.empty() && X509_VERIFY_PARAM_set1_host(expected, text.data(), text.size()) == 1 &&
        SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sent.data()) ==
            1)
        return {};
    return openssl_error("not a name that TLS can carry: " + text);
}

Status Session::State::check_server() const {
    if (SSL_get_verify_mode(ssl.get()) == SSL_VERIFY_NONE) return {};
    if (SSL_get0_peer_certificate(ssl.get()) && SSL_get_verify_result(ssl.get()) == X509_V_OK)
        return {};
    return describe("TLS handshake failed");
}

}  // namespace mesh::tls

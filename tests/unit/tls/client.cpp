#include "client.hpp"

#include "support/catch.hpp"

#include <openssl/err.h>

namespace mesh::tls::test {

Client::Client(const ClientOptions& options) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX* const context = context_.get();
    if (options.security_level >= 0) SSL_CTX_set_security_level(context, options.security_level);
    SSL_CTX_set_min_proto_version(context, options.min_version);
    SSL_CTX_set_max_proto_version(context, options.max_version);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
    SSL_CTX_set_msg_callback(context, on_message);
    if (!options.groups.empty())
        REQUIRE(SSL_CTX_set1_groups_list(context, options.groups.c_str()) == 1);
    if (!options.newer_ciphers.empty())
        REQUIRE(SSL_CTX_set_ciphersuites(context, options.newer_ciphers.c_str()) == 1);
    if (!options.ciphers.empty())
        REQUIRE(SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) == 1);

    ssl_.reset(SSL_new(context));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
    if (!options.server_name.empty())
        REQUIRE(SSL_ctrl(ssl_.get(),
                         SSL_CTRL_SET_TLSEXT_HOSTNAME,
                         TLSEXT_NAMETYPE_host_name,
                         const_cast<char*>(options.server_name.c_str())) == 1);
    Bytes wire;
    for (const std::string& protocol : options.alpn) {
        wire.push_back(static_cast<std::uint8_t>(protocol.size()));
        wire.insert(wire.end(), protocol.begin(), protocol.end());
    }
    if (!wire.empty())
        REQUIRE(SSL_set_alpn_protos(ssl_.get(), wire.data(), static_cast<unsigned>(wire.size())) ==
                0);
    if (options.certificate)
        REQUIRE(SSL_use_cert_and_key(ssl_.get(),
                                     options.certificate->chain().native().front().get(),
                                     options.certificate->key().native(),
                                     options.certificate->chain().native_issuers(),
                                     1) == 1);
    if (options.resume) REQUIRE(SSL_set_session(ssl_.get(), options.resume) == 1);
}

Client::~Client() {
    // Without this OpenSSL takes the session for broken, and nobody can resume it.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

int Client::on_session(SSL* ssl, SSL_SESSION* session) {
    auto* const client = static_cast<Client*>(SSL_get_app_data(ssl));
    client->session_.reset(session);
    ++client->tickets_;
    return 1;
}

void Client::on_message(
    int sent, int, int type, const void* data, std::size_t size, SSL* ssl, void*) {
    auto* const client = static_cast<Client*>(SSL_get_app_data(ssl));
    if (sent != 0 || size == 0) return;
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    if (type == SSL3_RT_ALERT && size == 2 && bytes[0] == SSL3_AL_FATAL) client->alert_ = bytes[1];
    if (type == SSL3_RT_HANDSHAKE && bytes[0] == SSL3_MT_CERTIFICATE)
        client->certificate_seen_ = true;
}

void Client::pull(Link& link) {
    const Bytes bytes = link.to_client.all();
    link.to_client.clear();
    if (!bytes.empty())
        BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
}

void Client::push(Link& link) {
    Bytes bytes(64 * 1024);
    int count = 0;
    while ((count = BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), 64 * 1024)) > 0)
        link.to_server.put(ByteView(bytes).first(static_cast<std::size_t>(count)));
}

Outcome Client::handshake(Link& link) {
    pull(link);
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), result);
    push(link);
    if (result == 1) return Outcome::connected;
    return error == SSL_ERROR_WANT_READ ? Outcome::going_on : Outcome::failed;
}

void Client::write(Link& link, std::string_view text) {
    ERR_clear_error();
    std::size_t count = 0;
    REQUIRE(SSL_write_ex(ssl_.get(), text.data(), text.size(), &count) == 1);
    push(link);
}

std::string Client::read(Link& link) {
    pull(link);
    std::string text;
    std::string piece(16 * 1024, '\0');
    std::size_t count = 0;
    ERR_clear_error();
    while (SSL_read_ex(ssl_.get(), piece.data(), piece.size(), &count) == 1)
        text.append(piece, 0, count);
    push(link);
    return text;
}

void Client::close(Link& link) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    push(link);
}

void Client::key_update(Link& link) {
    REQUIRE(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    REQUIRE(SSL_do_handshake(ssl_.get()) == 1);
    push(link);
}

std::string Client::alpn() const {
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
    return std::string(as_text(ByteView(protocol, size)));
}

Meeting meet(Client& client, Session& server, Link& link, int turns_max) {
    Meeting meeting;
    for (int turn = 0; turn < turns_max; ++turn) {
        if (meeting.client != Outcome::failed) meeting.client = client.handshake(link);
        meeting.server = server.handshake();
        const bool server_waits =
            meeting.server == Progress::want_read || meeting.server == Progress::want_write;
        if (!server_waits) break;
        if (meeting.client == Outcome::failed && link.to_server.size() == 0) break;
    }
    // The last bytes of the server: tickets, or an alert.
    if (meeting.client != Outcome::failed) meeting.client = client.handshake(link);
    if (meeting.client == Outcome::connected) client.read(link);
    return meeting;
}

ExpectedHello expected_of(const ClientOptions& options) {
    ExpectedHello expected;
    if (!options.server_name.empty()) {
        const auto name = Hostname::parse(options.server_name);
        if (name) expected.server_name = name->text();
    }
    expected.alpn = options.alpn;
    return expected;
}

}  // namespace mesh::tls::test

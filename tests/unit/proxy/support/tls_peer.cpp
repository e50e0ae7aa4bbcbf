#include "support/tls_peer.hpp"

#include "support/catch.hpp"
#include "tls/certificate.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <csignal>

namespace mesh::test {

TlsPeer::TlsPeer(Peer peer, const TlsOptions& options)
    : peer_(std::move(peer)), context_(SSL_CTX_new(TLS_client_method())) {
    // OpenSSL writes without MSG_NOSIGNAL, and here peers are reset on purpose.
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, options.min_version);
    SSL_CTX_set_max_proto_version(context, options.max_version);
    SSL_CTX_set_msg_callback(context, on_message);
    ssl_.reset(SSL_new(context));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_fd(ssl_.get(), peer_.fd());
    SSL_set_connect_state(ssl_.get());
    if (!options.name.empty()) {
        SSL_ctrl(ssl_.get(),
                 SSL_CTRL_SET_TLSEXT_HOSTNAME,
                 TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(options.name.c_str()));
    }
    Bytes wire;
    for (const std::string& protocol : options.alpn) {
        wire.push_back(static_cast<std::uint8_t>(protocol.size()));
        wire.insert(wire.end(), protocol.begin(), protocol.end());
    }
    if (!wire.empty()) {
        SSL_set_alpn_protos(ssl_.get(), wire.data(), static_cast<unsigned>(wire.size()));
    }
    if (!options.groups.empty()) SSL_set1_groups_list(ssl_.get(), options.groups.c_str());
    if (options.resume != nullptr) SSL_set_session(ssl_.get(), options.resume);
    if (options.certificate != nullptr) {
        SSL_use_cert_and_key(ssl_.get(),
                             options.certificate->chain().native().front().get(),
                             options.certificate->key().native(),
                             options.certificate->chain().native_issuers(),
                             1);
    }
}

void TlsPeer::on_message(
    int sent, int, int type, const void* data, std::size_t size, SSL* ssl, void*) {
    auto* const peer = static_cast<TlsPeer*>(SSL_get_app_data(ssl));
    if (sent != 0 || size == 0) return;
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    if (type == SSL3_RT_ALERT && size == 2 && bytes[0] == SSL3_AL_FATAL) peer->alert_ = bytes[1];
    if (type == SSL3_RT_HANDSHAKE && bytes[0] == SSL3_MT_CERTIFICATE) {
        peer->certificate_seen_ = true;
    }
}

void TlsPeer::note_end(int result) {
    const int saved = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_ZERO_RETURN:
            ending_ = Ending::orderly;
            break;
        case SSL_ERROR_SYSCALL:
            if (saved == ECONNRESET || saved == EPIPE) ending_ = Ending::reset;
            break;
        case SSL_ERROR_SSL:
            ending_ = Ending::orderly;
            break;  // FIN without close_notify
        default:
            break;
    }
    ERR_clear_error();
}

bool TlsPeer::handshake() {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return true;
    note_end(result);
    return false;
}

bool TlsPeer::handshake(const std::function<Bytes(int flight, Bytes)>& change) {
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in, out);
    for (int flight = 0;;) {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl_.get());
        Bytes leaving(BIO_ctrl_pending(out));
        if (!leaving.empty()) {
            BIO_read(out, leaving.data(), static_cast<int>(leaving.size()));
            peer_.send(as_text(change(flight++, std::move(leaving))));
        }
        if (result == 1) break;
        if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) return false;
        // Record by record, so that nothing is read that belongs behind the handshake.
        std::string record = peer_.receive(5);
        if (record.size() < 5) return false;
        const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(record[at]); };
        record += peer_.receive(static_cast<std::size_t>(byte(3)) << 8U | byte(4));
        BIO_write(in, record.data(), static_cast<int>(record.size()));
    }
    SSL_set_fd(ssl_.get(), peer_.fd());
    return true;
}

bool TlsPeer::send(std::string_view bytes) {
    ERR_clear_error();
    std::size_t count = 0;
    return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count) == 1;
}

std::string TlsPeer::receive(std::size_t count) {
    std::string out;
    std::string piece(64 * 1024, '\0');
    while (out.size() < count) {
        std::size_t got = 0;
        ERR_clear_error();
        errno = 0;
        const int result =
            SSL_read_ex(ssl_.get(), piece.data(), std::min(piece.size(), count - out.size()), &got);
        if (result != 1) {
            note_end(result);
            break;
        }
        out.append(piece, 0, got);
    }
    return out;
}

std::string TlsPeer::receive_all() {
    return receive(std::string::npos);
}

void TlsPeer::close_notify() {
    SSL_shutdown(ssl_.get());
}

bool TlsPeer::saw_close_notify() const {
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

std::string TlsPeer::certificate_name() const {
    const tls::X509Ptr certificate(SSL_get1_peer_certificate(ssl_.get()));
    if (!certificate) return {};
    auto* const names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr));
    std::string out;
    if (names != nullptr && sk_GENERAL_NAME_num(names) > 0) {
        const ASN1_STRING* const name = sk_GENERAL_NAME_value(names, 0)->d.dNSName;
        out.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                   static_cast<std::size_t>(ASN1_STRING_length(name)));
    }
    GENERAL_NAMES_free(names);
    return out;
}

std::string TlsPeer::alpn() const {
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
    return std::string(as_text(ByteView(protocol, size)));
}

}  // namespace mesh::test

#include "alpn_responder.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace mesh::test {

namespace {

constexpr unsigned char acme_tls[] =
    "\x0a"
    "acme-tls/1";

int choose_protocol(SSL*,
                    const unsigned char** chosen,
                    unsigned char* size,
                    const unsigned char* offered,
                    unsigned offered_size,
                    void*) {
    unsigned char* out = nullptr;
    const int found =
        SSL_select_next_proto(&out, size, acme_tls, sizeof acme_tls - 1, offered, offered_size);
    *chosen = out;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

AlpnResponder::AlpnResponder(const std::string& address, int port)
    : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX_set_alpn_select_cb(context_.get(), choose_protocol, nullptr);
    SSL_CTX_set_cert_cb(context_.get(), choose_certificate, this);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, address.c_str(), &at.sin_addr);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        listen(listener_, 64) != 0) {
        throw std::runtime_error("the challenge responder cannot listen");
    }
    thread_ = std::thread([this] { accept_all(); });
}

AlpnResponder::~AlpnResponder() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
}

void AlpnResponder::present(const std::string& name,
                            std::shared_ptr<const tls::Credential> credential) {
    const std::lock_guard lock(mutex_);
    presented_[name] = std::move(credential);
}

void AlpnResponder::forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    presented_.erase(name);
}

int AlpnResponder::choose_certificate(SSL* session, void* self) {
    auto& responder = *static_cast<AlpnResponder*>(self);
    const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
    const std::lock_guard lock(responder.mutex_);
    const auto found = responder.presented_.find(name != nullptr ? name : "");
    if (found == responder.presented_.end()) return 0;
    SSL_use_certificate(session, found->second->chain().native().front().get());
    SSL_use_PrivateKey(session, found->second->key().native());
    return 1;
}

void AlpnResponder::accept_all() {
    for (;;) {
        const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) return;
        const timeval limit{5, 0};
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context_.get()), &SSL_free);
        SSL_set_fd(session.get(), descriptor);
        if (SSL_accept(session.get()) == 1) SSL_shutdown(session.get());
        close(descriptor);
    }
}

}  // namespace mesh::test

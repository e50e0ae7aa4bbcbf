#pragma once
// Servers that speak TLS, and how mesh trusts them.
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <atomic>
#include <csignal>
#include <functional>
#include <string>

namespace mesh::test {

inline const std::string ask_for_tls("\0\0\0\x08\x04\xd2\x16\x2f", 8);

inline const tls::test::World& servers_world() {
    static const tls::test::World world;
    return world;
}

inline tls::SslContextPtr server_context(const tls::Credential& credential) {
    // OpenSSL writes without MSG_NOSIGNAL, and mesh may be gone.
    std::signal(SIGPIPE, SIG_IGN);
    tls::SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_cert_and_key(context.get(),
                             credential.chain().native().front().get(),
                             credential.key().native(),
                             credential.chain().native_issuers(),
                             1);
    return context;
}

/// In TLS under a certificate for `name`, where that comes about.
inline Backend::Handler in_tls(const std::string& name, std::function<void(SSL*, Peer&)> then) {
    tls::test::LeafOptions leaf;
    leaf.names = {name};
    return [credential = servers_world().credential(leaf), then = std::move(then)](Peer peer) {
        const tls::SslContextPtr context = server_context(*credential);
        const tls::SslPtr ssl(SSL_new(context.get()));
        SSL_set_fd(ssl.get(), peer.fd());
        if (SSL_accept(ssl.get()) == 1) then(ssl.get(), peer);
    };
}

/// Echoes in TLS under a certificate for `name`; says whether its client ended in good order.
inline Backend::Handler tls_echo(const std::string& name, std::atomic<int>* orderly = nullptr) {
    return in_tls(name, [orderly](SSL* ssl, Peer&) {
        char bytes[4096];
        for (int count = 0; (count = SSL_read(ssl, bytes, sizeof bytes)) > 0;)
            SSL_write(ssl, bytes, count);
        if (orderly != nullptr && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0) ++*orderly;
        SSL_shutdown(ssl);
    });
}

inline Backend::Handler after_asking(Backend::Handler then, std::string answer = "S") {
    return [then = std::move(then), answer = std::move(answer)](Peer peer) {
        if (peer.receive(8) != ask_for_tls) return;
        peer.send(answer);
        then(std::move(peer));
    };
}

inline tls::UpstreamPolicyPtr policy_for(const std::string& server_name) {
    tls::UpstreamSettings settings;
    settings.server_name = server_name;
    settings.roots = *tls::Roots::from_pem(servers_world().root.certificate_pem());
    return *tls::UpstreamPolicy::make(std::move(settings));
}

}  // namespace mesh::test

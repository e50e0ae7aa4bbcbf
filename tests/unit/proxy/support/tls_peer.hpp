#pragma once
// A TLS client over a blocking socket.
#include "base/bytes.hpp"
#include "support/peer.hpp"
#include "tls/certificate.hpp"
#include "tls/openssl_ptr.hpp"

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mesh::test {

/// The alert for a server name nobody knows (RFC 6066, section 3).
constexpr int unrecognized_name = 112;

struct TlsOptions {
    TlsOptions(std::string server_name = "shop.example") : name(std::move(server_name)) {}
    std::string name;  ///< "" = none sent
    std::vector<std::string> alpn;
    std::string groups;  ///< "" = the library's
    SSL_SESSION* resume = nullptr;
    int min_version = 0;
    int max_version = 0;
    const tls::Credential* certificate = nullptr;
};

class TlsPeer {
 public:
    TlsPeer(Peer peer, const TlsOptions& options);

    /// True when established.
    bool handshake();
    /// The same by hand: `change` may replace each flight before it leaves; they count from 0.
    bool handshake(const std::function<Bytes(int flight, Bytes)>& change);
    bool send(std::string_view bytes);
    std::string receive(std::size_t count);
    std::string receive_all();
    /// Sends close_notify and goes on reading.
    void close_notify();

    [[nodiscard]] int alert() const { return alert_; }  ///< fatal alert received, or -1
    [[nodiscard]] bool saw_certificate() const { return certificate_seen_; }
    [[nodiscard]] bool saw_close_notify() const;
    /// Of the TCP connection, once reading has ended.
    [[nodiscard]] Ending ending() const { return ending_; }
    [[nodiscard]] std::string certificate_name() const;  ///< first DNS SAN
    [[nodiscard]] std::string alpn() const;
    [[nodiscard]] int fd() const { return peer_.fd(); }
    [[nodiscard]] SSL* native() const { return ssl_.get(); }
    Peer& socket() { return peer_; }

 private:
    void note_end(int result);
    static void on_message(
        int sent, int version, int type, const void* data, std::size_t size, SSL* ssl, void*);
    Peer peer_;
    tls::SslContextPtr context_;
    tls::SslPtr ssl_;
    int alert_ = -1;
    bool certificate_seen_ = false;
    Ending ending_ = Ending::none;
};

}  // namespace mesh::test

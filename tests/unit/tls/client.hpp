#pragma once
// A TLS client of the tests' own, driven by hand over a Link.
#include "link.hpp"
#include "tls/openssl_ptr.hpp"

#include <functional>
#include <string>
#include <vector>

namespace mesh::tls::test {

struct SslSessionFree {
    void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslSessionFree>;

struct ClientOptions {
    std::string server_name;
    std::vector<std::string> alpn;
    int min_version = 0;
    int max_version = 0;
    std::string groups;
    std::string ciphers;        ///< TLS 1.2 and older; "" = the library's
    std::string newer_ciphers;  ///< TLS 1.3; "" = the library's
    const Credential* certificate = nullptr;
    SSL_SESSION* resume = nullptr;
    int security_level = -1;
};

/// What the client's side of a handshake has come to.
enum class Outcome { going_on, connected, failed };

class Client {
 public:
    explicit Client(const ClientOptions& options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Goes on with the handshake as far as the bytes at hand allow.
    Outcome handshake(Link& link);
    /// Sends `text`; all of it.
    void write(Link& link, std::string_view text);
    /// Everything that can be read now.
    std::string read(Link& link);
    /// Sends close_notify.
    void close(Link& link);
    /// Sends a KeyUpdate that asks for one in return.
    void key_update(Link& link);

    [[nodiscard]] bool closed_by_server() const {
        return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
    [[nodiscard]] int alert() const { return alert_; }  ///< received fatal alert, or -1
    [[nodiscard]] std::string alpn() const;
    [[nodiscard]] int tickets() const { return tickets_; }
    /// The newest ticket's session, which a later client can resume.
    [[nodiscard]] SSL_SESSION* session() const { return session_.get(); }
    [[nodiscard]] X509Ptr server_certificate() const {
        return X509Ptr(SSL_get1_peer_certificate(ssl_.get()));
    }
    [[nodiscard]] STACK_OF(X509) * server_chain() const {
        return SSL_get_peer_cert_chain(ssl_.get());
    }
    [[nodiscard]] SSL* native() const { return ssl_.get(); }
    [[nodiscard]] bool received_certificate() const { return certificate_seen_; }

 private:
    void pull(Link& link);
    void push(Link& link);
    static int on_session(SSL* ssl, SSL_SESSION* session);
    static void on_message(
        int sent, int version, int type, const void* data, std::size_t size, SSL* ssl, void*);

    SslContextPtr context_;
    SslPtr ssl_;
    SslSessionPtr session_;
    int tickets_ = 0;
    int alert_ = -1;
    bool certificate_seen_ = false;
};

/// A client and a session talking until both are done or one has failed.
struct Meeting {
    Outcome client = Outcome::going_on;
    Progress server = Progress::want_read;
    [[nodiscard]] bool established() const {
        return client == Outcome::connected && server == Progress::done;
    }
};
Meeting meet(Client& client, Session& server, Link& link, int turns_max = 4000);

/// Client options as the hello the router would have read.
ExpectedHello expected_of(const ClientOptions& options);

}  // namespace mesh::tls::test

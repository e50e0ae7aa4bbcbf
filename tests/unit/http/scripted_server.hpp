#pragma once
#include "server_certificate.hpp"

#include <openssl/ssl.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace mesh::test {

/// One connection of a ScriptedServer, plain or TLS.
class Peer {
 public:
    Peer(int descriptor, SSL_CTX* tls);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    struct Request {
        std::string line;                           ///< "GET /path HTTP/1.1"
        std::map<std::string, std::string> fields;  ///< names in lower case
        std::string body;
    };
    /// False when the client closed or the handshake failed.
    [[nodiscard]] bool read_request(Request& into);
    /// False once the client does not take it any more.
    bool write(std::string_view bytes);
    /// A whole answer with Content-Length.
    bool answer(std::string_view body,
                std::string_view fields = "",
                std::string_view status = "200 OK");
    /// Until the client closes its side.
    void wait_for_close();
    void interrupt() const;
    /// The client came back with a TLS session of an earlier connection.
    [[nodiscard]] bool resumed() const {
        return session_ && SSL_session_reused(session_.get()) == 1;
    }

    /// Common name of the client's certificate; empty without one.
    [[nodiscard]] std::string client() const;

 private:
    [[nodiscard]] bool handshake();
    [[nodiscard]] bool read_more();

    int descriptor_;
    std::unique_ptr<SSL, decltype(&SSL_free)> session_;
    bool ready_ = false;
    std::string buffer_;
};

/// A server on loopback that does what a test tells it, one thread per connection. The script is
/// called for each request of a connection until it returns false.
class ScriptedServer {
 public:
    using Script = std::function<bool(Peer&, const Peer::Request&)>;

    explicit ScriptedServer(Script script);
    ScriptedServer(Script script, const TestAuthority::Identity& identity);
    ScriptedServer(Script script, const std::string& unix_path);
    /// Asks clients for a certificate of the CA in this file; without one they get no answer where
    /// it is `required`.
    ScriptedServer(Script script,
                   const TestAuthority::Identity& identity,
                   const std::string& client_ca_file,
                   bool required);
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] std::string url(const std::string& path,
                                  const std::string& host = "127.0.0.1") const;
    [[nodiscard]] int connections() const { return connections_; }
    [[nodiscard]] int requests() const { return requests_; }

 private:
    void start(int listener);
    void accept_all();
    void serve(Peer& peer);

    Script script_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> connections_ = 0;
    std::atomic<int> requests_ = 0;
    std::mutex mutex_;
    bool stopped_ = false;
    std::list<std::pair<std::unique_ptr<Peer>, std::thread>> peers_;
    std::thread acceptor_;
};

}  // namespace mesh::test

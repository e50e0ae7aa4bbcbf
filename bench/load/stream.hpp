#pragma once
#include "lean_tls.hpp"
#include "options.hpp"
#include "owned_fd.hpp"

#include <openssl/ssl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace mesh::bench {

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslContextPtr = std::unique_ptr<SSL_CTX, SslFree>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslFree>;

/// What became of one try.
struct Step {
    enum class Kind : std::uint8_t { done, again, ended, failed };

    Kind kind = Kind::again;
    std::size_t bytes = 0;
};

/// Does the server echo a ClientHello that was passed through to it? Then opening waits for that.
enum class HelloAnswer : std::uint8_t { echoed, none };

/// What all connections of a run have in common: addresses, names, TLS settings. TLS 1.3 with
/// X25519 and AES-128-GCM alone, so that every server does the same mathematics.
class Clients {
 public:
    Clients(const Options& options, HelloAnswer answer);

    [[nodiscard]] const std::string& next_name();
    [[nodiscard]] const sockaddr_in& next_destination();
    [[nodiscard]] const in_addr* next_source();  ///< null: the system's choice
    [[nodiscard]] std::span<const std::uint8_t> hello_for(const std::string& name);

    [[nodiscard]] Transport transport() const { return options_.transport; }
    [[nodiscard]] HelloAnswer hello_answer() const { return hello_answer_; }
    [[nodiscard]] bool verifies() const { return !options_.ca_file.empty(); }
    [[nodiscard]] bool is_lean() const { return options_.lean; }
    [[nodiscard]] bool resumes() const { return options_.resume; }
    [[nodiscard]] SSL_CTX* context() const { return context_.get(); }

 private:
    const Options& options_;
    HelloAnswer hello_answer_;
    SslContextPtr context_;
    std::map<std::string, std::vector<std::uint8_t>> hellos_;
    std::mt19937_64 random_;
    std::size_t name_ = 0;
    std::size_t destination_ = 0;
    std::size_t source_ = 0;
};

/// One connection to the server under test, over whichever transport. Nothing blocks; a step that
/// says `again` is tried again when the descriptor is ready.
class Stream {
 public:
    explicit Stream(Clients& clients) : clients_(clients) {}

    /// Begins to connect, in place of the connection before.
    Step open();
    /// Until it is done, nothing is read or written: TLS handshake, or the ClientHello on its way.
    Step handshake();
    Step read(std::span<std::uint8_t> into);
    Step write(std::span<const std::uint8_t> from);
    /// Is there more to read without the descriptor being ready?
    [[nodiscard]] bool has_pending() const;
    /// Says goodbye (close_notify, FIN).
    void close();
    /// Keeps the connection, but not the session: nothing more is read or written.
    void forget_session() {
        ssl_.reset();
        lean_.reset();
    }

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool was_resumed() const { return ssl_ && SSL_session_reused(ssl_.get()) == 1; }
    [[nodiscard]] bool offers_ticket() const { return session_ != nullptr; }
    /// Of the last step that failed.
    [[nodiscard]] const std::string& error() const { return error_; }

 private:
    Step start_tls(const std::string& name);
    Step ssl_step(int result);
    Step failed(std::string what);
    Step exchange_hello();
    Step lean_handshake();
    Step lean_read(std::span<std::uint8_t> into);
    Step lean_take();
    Step lean_flush();

    Clients& clients_;
    OwnedFd fd_;
    SslPtr ssl_;
    std::unique_ptr<LeanTls> lean_;
    SslSessionPtr session_;  ///< of the last ticket
    std::span<const std::uint8_t> hello_;
    std::size_t hello_sent_ = 0;
    std::size_t hello_received_ = 0;
    std::string error_;

    friend int keep_ticket(SSL* ssl, SSL_SESSION* session);
};

}  // namespace mesh::bench

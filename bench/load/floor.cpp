// A relay with nothing in it: what is left when a proxy has no routes, no limits, no deadlines and
// no log. How near a server comes to it says what its own code costs; how far it is from others,
// what their ways of using the library and the kernel cost. No server for anybody: a peer that does
// not close keeps its place for ever.
#include "loop.hpp"
#include "modes.hpp"
#include "stream.hpp"

#include <openssl/err.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <vector>

namespace mesh::bench {
namespace {

constexpr std::size_t buffer_size = 64 * 1024;

/// Of all connections: bytes stay in it only until the next call.
std::span<std::uint8_t> shared_buffer() {
    static std::array<std::uint8_t, buffer_size> buffer;
    return buffer;
}

SslContextPtr make_context(const Options& options) {
    SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    auto* ctx = context.get();
    if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, options.certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, options.certificate.c_str(), SSL_FILETYPE_PEM) != 1)
        die("cannot use " + options.certificate);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, options.tickets);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                         SSL_MODE_RELEASE_BUFFERS);
    return context;
}

/// One side of a connection.
class End final : public Watcher {
 public:
    explicit End(class Pair& pair) : pair_(pair) {}
    void ready() override;

    /// Bytes, 0 for none now, -1 at the end.
    ssize_t read(std::span<std::uint8_t> into) {
        const auto count = ssl ? SSL_read(ssl.get(), into.data(), static_cast<int>(into.size()))
                               : ::recv(fd.get(), into.data(), into.size(), 0);
        if (count > 0) return count;
        return again(count) ? 0 : -1;
    }

    ssize_t write(std::span<const std::uint8_t> from) {
        const auto count = ssl ? SSL_write(ssl.get(), from.data(), static_cast<int>(from.size()))
                               : ::send(fd.get(), from.data(), from.size(), MSG_NOSIGNAL);
        if (count > 0) return count;
        return again(count) ? 0 : -1;
    }

    [[nodiscard]] bool again(ssize_t result) {
        if (!ssl) return result < 0 && errno == EAGAIN;
        const int error = SSL_get_error(ssl.get(), static_cast<int>(result));
        if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) ERR_clear_error();
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    }

    OwnedFd fd;
    SslPtr ssl;
    std::vector<std::uint8_t> unsent;  ///< that this side has not taken yet

 private:
    Pair& pair_;
};

/// Owns itself; gone when either side is.
class Pair {
 public:
    Pair(Loop& loop, const sockaddr_in& backend, OwnedFd fd, SslPtr ssl)
        : loop_(loop), backend_(backend), client_(*this), server_(*this) {
        client_.fd = std::move(fd);
        client_.ssl = std::move(ssl);
        loop_.add(client_.fd.get(), client_, Trigger::edge);
    }

    void advance() {
        if (!is_finished()) return;
        // The loop may still hold an event of the other side: the memory has to outlast this turn.
        if (client_.ssl && SSL_is_init_finished(client_.ssl.get())) SSL_shutdown(client_.ssl.get());
        ERR_clear_error();
        client_.ssl.reset();
        client_.fd.close();
        server_.fd.close();
        is_dead_ = true;
        graveyard().emplace_back(this);
    }

    static std::vector<std::unique_ptr<Pair>>& graveyard() {
        static std::vector<std::unique_ptr<Pair>> dead;
        return dead;
    }

 private:
    bool is_finished() {
        if (is_dead_) return false;
        if (!server_.fd) {
            if (client_.ssl) {
                const int result = SSL_accept(client_.ssl.get());
                if (result != 1) return !client_.again(result);
            }
            if (!dial()) return true;
        }
        return !pass(client_, server_) || !pass(server_, client_);
    }

    bool dial() {
        server_.fd = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const int on = 1;
        ::setsockopt(server_.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(server_.fd.get(),
                      reinterpret_cast<const sockaddr*>(&backend_),
                      sizeof backend_) != 0 &&
            errno != EINPROGRESS)
            return false;
        loop_.add(server_.fd.get(), server_, Trigger::edge);
        return true;
    }

    /// False when it is over.
    static bool pass(End& from, End& to) {
        while (true) {
            while (!to.unsent.empty()) {  // a session takes one record at a time
                const auto sent = to.write(to.unsent);
                if (sent <= 0) return sent == 0;
                to.unsent.erase(to.unsent.begin(), to.unsent.begin() + sent);
            }
            to.unsent.shrink_to_fit();
            const auto count = from.read(shared_buffer());
            if (count <= 0) return count == 0;
            auto bytes = shared_buffer().first(static_cast<std::size_t>(count));
            while (!bytes.empty()) {
                const auto sent = to.write(bytes);
                if (sent < 0) return false;
                if (sent == 0) break;
                bytes = bytes.subspan(static_cast<std::size_t>(sent));
            }
            to.unsent.assign(bytes.begin(), bytes.end());
        }
    }

    Loop& loop_;
    const sockaddr_in& backend_;
    End client_;
    End server_;
    bool is_dead_ = false;
};

void End::ready() {
    pair_.advance();
}

class FloorListener final : public Watcher {
 public:
    FloorListener(Loop& loop, const Options& options) : loop_(loop), options_(options) {
        if (!options.certificate.empty()) context_ = make_context(options);
        fd_ = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const int on = 1;
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        const auto& at = options.listen.front();
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
            ::listen(fd_.get(), 4096) != 0)
            die(std::string("cannot listen: ") + std::strerror(errno));
        loop_.add(fd_.get(), *this, Trigger::read);
    }

    void ready() override {
        while (true) {
            OwnedFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!fd) return;
            const int on = 1;
            ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            SslPtr ssl;
            if (context_) {
                ssl.reset(SSL_new(context_.get()));
                SSL_set_fd(ssl.get(), fd.get());
            }
            // Owns itself from here on.
            (void)std::make_unique<Pair>(loop_, options_.to.front(), std::move(fd), std::move(ssl))
                .release();
        }
    }

 private:
    Loop& loop_;
    const Options& options_;
    SslContextPtr context_;
    OwnedFd fd_;
};

}  // namespace

void run_floor(const Options& options) {
    if (options.listen.empty()) die("floor: --listen is missing");
    Loop loop;
    FloorListener listener(loop, options);
    loop.run_until(Clock::time_point::max(), {}, [] {
        Pair::graveyard().clear();
        return false;
    });
}

}  // namespace mesh::bench

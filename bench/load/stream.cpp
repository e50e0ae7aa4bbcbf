#include "stream.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace mesh::bench {

int keep_ticket(SSL* ssl, SSL_SESSION* session) {
    static_cast<Stream*>(SSL_get_app_data(ssl))->session_.reset(session);
    return 1;
}

namespace {

/// SSL_set_tlsext_host_name without its old-style cast.
bool set_server_name(SSL* ssl, const std::string& name) {
    return SSL_ctrl(ssl,
                    SSL_CTRL_SET_TLSEXT_HOSTNAME,
                    TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(name.c_str())) == 1;
}

std::string openssl_error() {
    const auto code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) return "closed without close_notify";
    const char* reason = ERR_reason_error_string(code);
    return reason ? reason : "OpenSSL error " + std::to_string(code);
}

SslContextPtr make_context(const Options& options) {
    SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    auto* ctx = context.get();
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519") != 1)
        die("no TLS 1.3 with X25519 and AES-128-GCM");
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Whole bursts of records in one read: the generator's core is shared with the backend.
    if (options.mode == "bulk") {
        SSL_CTX_set_read_ahead(ctx, 1);
        SSL_CTX_set_default_read_buffer_len(ctx, 256 * 1024);
    }
    if (!options.ca_file.empty()) {
        if (SSL_CTX_load_verify_locations(ctx, options.ca_file.c_str(), nullptr) != 1)
            die("cannot read " + options.ca_file);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    }
    if (options.resume) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    }
    return context;
}

std::vector<std::uint8_t> make_hello(SSL_CTX* context, const std::string& name) {
    SslPtr ssl(SSL_new(context));
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), in, out);
    set_server_name(ssl.get(), name);
    SSL_connect(ssl.get());
    ERR_clear_error();
    std::vector<std::uint8_t> hello(BIO_ctrl_pending(out));
    if (hello.empty() || BIO_read(out, hello.data(), static_cast<int>(hello.size())) !=
                             static_cast<int>(hello.size()))
        die("no ClientHello for " + name);
    return hello;
}

}  // namespace

Clients::Clients(const Options& options, HelloAnswer answer)
    : options_(options),
      hello_answer_(answer),
      context_(make_context(options)),
      random_(options.seed) {}

const std::string& Clients::next_name() {
    const auto& names = options_.names;
    if (names.size() == 1) return names.front();
    return names[(options_.in_turn ? name_++ : random_()) % names.size()];
}

const sockaddr_in& Clients::next_destination() {
    return options_.to[destination_++ % options_.to.size()];
}

const in_addr* Clients::next_source() {
    // After a round over all destinations, so that every pair is used.
    const auto turn = source_++ / options_.to.size();
    return options_.from.empty() ? nullptr : &options_.from[turn % options_.from.size()];
}

std::span<const std::uint8_t> Clients::hello_for(const std::string& name) {
    auto& hello = hellos_[name];
    if (hello.empty()) hello = make_hello(context_.get(), name);
    return hello;
}

Step Stream::failed(std::string what) {
    error_ = std::move(what);
    return {.kind = Step::Kind::failed};
}

Step Stream::open() {
    ssl_.reset();
    fd_ = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) return failed(std::string("socket: ") + std::strerror(errno));
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (const auto* source = clients_.next_source()) {
        // The port is chosen at connect, when it need be free towards that destination alone.
        ::setsockopt(fd_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        sockaddr_in from{};
        from.sin_family = AF_INET;
        from.sin_addr = *source;
        if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
            return failed(std::string("bind: ") + std::strerror(errno));
    }
    const auto& to = clients_.next_destination();
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS)
        return failed(std::string("connect: ") + std::strerror(errno));

    if (clients_.transport() == Transport::plain) return {.kind = Step::Kind::done};
    const auto& name = clients_.next_name();
    if (clients_.transport() == Transport::tls) return start_tls(name);
    hello_ = clients_.hello_for(name);
    hello_sent_ = hello_received_ = 0;
    return {.kind = Step::Kind::done};
}

Step Stream::start_tls(const std::string& name) {
    if (clients_.is_lean()) {
        if (!lean_) lean_ = std::make_unique<LeanTls>();
        lean_->begin(name);
        return {.kind = Step::Kind::done};
    }
    ssl_.reset(SSL_new(clients_.context()));
    if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1 || !set_server_name(ssl_.get(), name))
        return failed(openssl_error());
    if (clients_.verifies()) SSL_set1_host(ssl_.get(), name.c_str());
    if (clients_.resumes()) {
        SSL_set_app_data(ssl_.get(), this);
        if (session_) SSL_set_session(ssl_.get(), session_.get());
    }
    SSL_set_connect_state(ssl_.get());
    return {.kind = Step::Kind::done};
}

Step Stream::handshake() {
    switch (clients_.transport()) {
        case Transport::plain:
            return {.kind = Step::Kind::done};
        case Transport::hello:
            return exchange_hello();
        case Transport::tls:
            break;
    }
    if (lean_) return lean_handshake();
    errno = 0;
    return ssl_step(SSL_do_handshake(ssl_.get()));
}

Step Stream::exchange_hello() {
    if (hello_sent_ < hello_.size()) {
        const auto step = write(hello_.subspan(hello_sent_));
        if (step.kind != Step::Kind::done) return step;
        hello_sent_ += step.bytes;
        if (hello_sent_ < hello_.size()) return {};
    }
    if (clients_.hello_answer() == HelloAnswer::none) return {.kind = Step::Kind::done};
    std::array<std::uint8_t, 4096> answer;
    while (hello_received_ < hello_.size()) {
        const auto step =
            read(std::span(answer).first(std::min(answer.size(), hello_.size() - hello_received_)));
        if (step.kind != Step::Kind::done) return step;
        if (std::memcmp(answer.data(), hello_.data() + hello_received_, step.bytes) != 0)
            return failed("the ClientHello came back changed");
        hello_received_ += step.bytes;
    }
    return {.kind = Step::Kind::done};
}

Step Stream::ssl_step(int result) {
    if (result > 0) return {.kind = Step::Kind::done, .bytes = static_cast<std::size_t>(result)};
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return {};
        case SSL_ERROR_ZERO_RETURN:
            return {.kind = Step::Kind::ended};
        case SSL_ERROR_SYSCALL:
            if (errno != 0) {
                ERR_clear_error();
                return failed(std::strerror(errno));
            }
            [[fallthrough]];
        default:
            return failed(openssl_error());
    }
}

Step Stream::read(std::span<std::uint8_t> into) {
    if (ssl_) {
        errno = 0;
        return ssl_step(SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size())));
    }
    if (lean_) return lean_read(into);
    const auto count = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (count > 0) return {.kind = Step::Kind::done, .bytes = static_cast<std::size_t>(count)};
    if (count == 0) return {.kind = Step::Kind::ended};
    return errno == EAGAIN ? Step{} : failed(std::strerror(errno));
}

Step Stream::write(std::span<const std::uint8_t> from) {
    if (ssl_) {
        errno = 0;
        return ssl_step(SSL_write(ssl_.get(), from.data(), static_cast<int>(from.size())));
    }
    if (lean_) {
        lean_->send(from);
        const auto step = lean_flush();
        return step.kind == Step::Kind::failed
                   ? step
                   : Step{.kind = Step::Kind::done, .bytes = from.size()};
    }
    const auto count = ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL);
    if (count >= 0) return {.kind = Step::Kind::done, .bytes = static_cast<std::size_t>(count)};
    return errno == EAGAIN ? Step{} : failed(std::strerror(errno));
}

Step Stream::lean_flush() {
    auto& output = lean_->output();
    if (output.empty()) return {.kind = Step::Kind::done};
    const auto count = ::send(fd_.get(), output.data(), output.size(), MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN ? Step{} : failed(std::strerror(errno));
    output.erase(output.begin(), output.begin() + count);
    return {.kind = output.empty() ? Step::Kind::done : Step::Kind::again};
}

/// Done: something came, whatever it was.
Step Stream::lean_take() {
    std::array<std::uint8_t, 16 * 1024> buffer;
    const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return errno == EAGAIN ? Step{} : failed(std::strerror(errno));
    if (count == 0) return failed("closed without close_notify");
    lean_->input(std::span(buffer).first(static_cast<std::size_t>(count)));
    if (lean_->state() == LeanTls::State::failed) return failed(lean_->error());
    return {.kind = Step::Kind::done};
}

Step Stream::lean_handshake() {
    while (true) {
        if (const auto step = lean_flush(); step.kind != Step::Kind::done) return step;
        if (lean_->state() == LeanTls::State::open) return {.kind = Step::Kind::done};
        if (lean_->state() == LeanTls::State::ended) return {.kind = Step::Kind::ended};
        if (const auto step = lean_take(); step.kind != Step::Kind::done) return step;
    }
}

Step Stream::lean_read(std::span<std::uint8_t> into) {
    auto& received = lean_->received();
    while (received.empty()) {
        if (const auto step = lean_flush(); step.kind != Step::Kind::done) return step;
        if (lean_->state() == LeanTls::State::ended) return {.kind = Step::Kind::ended};
        if (const auto step = lean_take(); step.kind != Step::Kind::done) return step;
    }
    const auto count = std::min(into.size(), received.size());
    std::copy_n(received.begin(), count, into.begin());
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(count));
    return {.kind = Step::Kind::done, .bytes = count};
}

bool Stream::has_pending() const {
    return ssl_ && SSL_has_pending(ssl_.get()) == 1;
}

void Stream::close() {
    if (ssl_ && SSL_is_init_finished(ssl_.get())) {
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    ssl_.reset();
    if (lean_ && lean_->state() == LeanTls::State::open) {
        lean_->send_close_notify();
        lean_flush();
    }
    fd_.close();
}

}  // namespace mesh::bench

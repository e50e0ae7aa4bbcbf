#include "scripted_server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mesh::test {

namespace {

int listen_on(const sockaddr* address, socklen_t size) {
    // A client that goes away in the middle of an answer must not end the test program.
    std::signal(SIGPIPE, SIG_IGN);
    setenv("no_proxy", "*", 1);  // loopback is not reached through the developer's proxy
    const int listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, address, size) != 0 || listen(listener, 1024) != 0) {
        throw std::runtime_error("the test server cannot listen");
    }
    return listener;
}

int listen_on_loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return listen_on(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

int listen_on_path(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return listen_on(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return text;
}

}  // namespace

Peer::Peer(int descriptor, SSL_CTX* tls)
    : descriptor_(descriptor), session_(tls != nullptr ? SSL_new(tls) : nullptr, &SSL_free) {
    if (session_) SSL_set_fd(session_.get(), descriptor_);
    ready_ = !session_;
}

Peer::~Peer() {
    close(descriptor_);
}

void Peer::interrupt() const {
    shutdown(descriptor_, SHUT_RDWR);
}

std::string Peer::client() const {
    X509* const shown = session_ ? SSL_get0_peer_certificate(session_.get()) : nullptr;
    if (shown == nullptr) return {};
    std::array<char, 64> name{};
    X509_NAME_get_text_by_NID(
        X509_get_subject_name(shown), NID_commonName, name.data(), static_cast<int>(name.size()));
    return name.data();
}

bool Peer::handshake() {
    if (ready_) return true;
    ready_ = SSL_accept(session_.get()) == 1;
    return ready_;
}

bool Peer::read_more() {
    std::array<char, 16'384> chunk;
    const auto count = session_
                           ? SSL_read(session_.get(), chunk.data(), chunk.size())
                           : static_cast<int>(recv(descriptor_, chunk.data(), chunk.size(), 0));
    if (count <= 0) return false;
    buffer_.append(chunk.data(), static_cast<std::size_t>(count));
    return true;
}

bool Peer::read_request(Request& into) {
    if (!handshake()) return false;
    into = {};
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!read_more()) return false;
    }
    std::size_t at = buffer_.find("\r\n");
    into.line = buffer_.substr(0, at);
    while (at < end) {
        const std::size_t next = buffer_.find("\r\n", at + 2);
        const std::string line = buffer_.substr(at + 2, next - at - 2);
        const std::size_t colon = line.find(':');
        into.fields[lower(line.substr(0, colon))] =
            colon + 2 <= line.size() ? line.substr(colon + 2) : std::string();
        at = next;
    }
    const auto length = into.fields.find("content-length");
    const std::size_t size = length == into.fields.end() ? 0 : std::stoul(length->second);
    while (buffer_.size() < end + 4 + size) {
        if (!read_more()) return false;
    }
    into.body = buffer_.substr(end + 4, size);
    buffer_.erase(0, end + 4 + size);
    return true;
}

bool Peer::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count =
            session_
                ? SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()))
                : static_cast<int>(send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
        if (count <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

bool Peer::answer(std::string_view body, std::string_view fields, std::string_view status) {
    std::string text = "HTTP/1.1 ";
    text.append(status).append("\r\nContent-Length: ").append(std::to_string(body.size()));
    text.append("\r\n").append(fields).append("\r\n").append(body);
    return write(text);
}

void Peer::wait_for_close() {
    while (read_more()) buffer_.clear();
}

ScriptedServer::ScriptedServer(Script script)
    : script_(std::move(script)), tls_(nullptr, &SSL_CTX_free) {
    start(listen_on_loopback());
}

ScriptedServer::ScriptedServer(Script script, const TestAuthority::Identity& identity)
    : script_(std::move(script)), tls_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
    SSL_CTX_use_certificate(tls_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(tls_.get(), identity.key.get());
    start(listen_on_loopback());
}

ScriptedServer::ScriptedServer(Script script,
                               const TestAuthority::Identity& identity,
                               const std::string& client_ca_file,
                               bool required)
    : script_(std::move(script)), tls_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
    SSL_CTX_use_certificate(tls_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(tls_.get(), identity.key.get());
    SSL_CTX_load_verify_locations(tls_.get(), client_ca_file.c_str(), nullptr);
    SSL_CTX_set_verify(
        tls_.get(), SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    const unsigned char context[] = "scripted";
    SSL_CTX_set_session_id_context(tls_.get(), context, sizeof context);
    start(listen_on_loopback());
}

ScriptedServer::ScriptedServer(Script script, const std::string& unix_path)
    : script_(std::move(script)), tls_(nullptr, &SSL_CTX_free) {
    start(listen_on_path(unix_path));
}

void ScriptedServer::start(int listener) {
    listener_ = listener;
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = address.sin_family == AF_INET ? ntohs(address.sin_port) : 0;
    acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        for (auto& [peer, thread] : peers_) peer->interrupt();
    }
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (auto& [peer, thread] : peers_) thread.join();
    close(listener_);
}

void ScriptedServer::accept_all() {
    for (;;) {
        const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) return;
        ++connections_;
        auto peer = std::make_unique<Peer>(descriptor, tls_.get());
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        Peer& served = *peer;
        peers_.emplace_back(std::move(peer), std::thread([this, &served] { serve(served); }));
    }
}

void ScriptedServer::serve(Peer& peer) {
    Peer::Request request;
    while (peer.read_request(request)) {
        ++requests_;
        if (!script_(peer, request)) break;
    }
    peer.interrupt();
}

std::string ScriptedServer::url(const std::string& path, const std::string& host) const {
    return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port_) + path;
}

}  // namespace mesh::test

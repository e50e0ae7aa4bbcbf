#pragma once
#include "proxy/socket_io.hpp"
#include "tls/session.hpp"

#include <memory>
#include <string>

namespace mesh::proxy {

/// One end of a relay whose bytes pass as they are. Holds bytes only while its peer takes none.
class PlainEnd {
 public:
    explicit PlainEnd(DescriptorPtr socket) : socket_(std::move(socket)) {}

    [[nodiscard]] Descriptor& socket() { return *socket_; }
    [[nodiscard]] const Descriptor& socket() const { return *socket_; }
    [[nodiscard]] Io read(std::span<std::uint8_t> into, std::size_t& count) {
        return receive(*socket_, into, count);
    }
    /// Takes all of `bytes`. `blocked`: a part is kept, flush() first. Only while nothing is kept.
    [[nodiscard]] Io write(ByteView bytes);
    /// `ok` when nothing is kept any more.
    [[nodiscard]] Io flush();
    /// Bytes kept, for flush().
    [[nodiscard]] std::size_t held() const { return kept_ ? kept_->bytes.size() - kept_->sent : 0; }
    /// The peer has sent something that read() has not given yet; its end is nothing.
    [[nodiscard]] bool has_unread() const { return proxy::has_unread(*socket_); }
    /// All there is to say before the socket is closed, which sends the FIN.
    [[nodiscard]] Io say_last() { return is_broken(*socket_) ? Io::broken : Io::ok; }
    /// Ends this direction after what is kept has left: FIN.
    [[nodiscard]] Io finish() { return finish_sending(*socket_); }

 private:
    struct Kept {
        Bytes bytes;
        std::size_t sent = 0;
    };
    DescriptorPtr socket_;
    std::unique_ptr<Kept> kept_;
};

/// A server that is spoken to in TLS; for the log.
struct TlsServer {
    std::string service;
    std::string server;
};

/// A TLS connection over a socket: the session, and what it reads from and writes to. Stays where
/// it is while it changes hands.
class TlsStream final : public tls::Transport {
 public:
    /// `received`: bytes of the client that were read already.
    TlsStream(DescriptorPtr socket, Bytes received)
        : socket_(std::move(socket)), received_(std::move(received)) {}

    Transfer receive(std::span<std::uint8_t> into) override;
    Transfer send(ByteView bytes) override;

    [[nodiscard]] Descriptor& socket() { return *socket_; }
    [[nodiscard]] const Descriptor& socket() const { return *socket_; }
    [[nodiscard]] tls::Session& session() { return *session_; }
    /// Bytes have come that the session's reader has not been given, be it a part of a record.
    [[nodiscard]] bool has_unread() const;
    [[nodiscard]] const tls::Session& session() const { return *session_; }
    void set_session(std::unique_ptr<tls::Session> session) { session_ = std::move(session); }
    /// Null where the peer is a client.
    [[nodiscard]] const TlsServer* server() const { return server_.get(); }
    void set_server(TlsServer server) {
        server_ = std::make_unique<const TlsServer>(std::move(server));
    }

 private:
    [[nodiscard]] bool has_received() const { return replayed_ < received_.size(); }

    DescriptorPtr socket_;
    Bytes received_;
    std::size_t replayed_ = 0;  ///< of received_
    std::unique_ptr<tls::Session> session_;
    std::unique_ptr<const TlsServer> server_;
};

/// The end of a relay that terminates TLS.
class TlsEnd {
 public:
    explicit TlsEnd(std::unique_ptr<TlsStream> stream) : stream_(std::move(stream)) {}

    [[nodiscard]] Descriptor& socket() { return stream_->socket(); }
    [[nodiscard]] const Descriptor& socket() const { return stream_->socket(); }
    /// A connection that ends without close_notify is broken (RFC 8446 §6.1).
    [[nodiscard]] Io read(std::span<std::uint8_t> into, std::size_t& count);
    [[nodiscard]] Io write(ByteView bytes);
    [[nodiscard]] Io flush();
    [[nodiscard]] std::size_t held() const { return stream_->session().unsent(); }
    [[nodiscard]] bool has_unread() const { return stream_->has_unread(); }
    /// close_notify; the socket is closed then, which sends the FIN.
    [[nodiscard]] Io say_last();
    /// close_notify, then FIN: nothing of ours comes after it.
    [[nodiscard]] Io finish();
    [[nodiscard]] const TlsStream& stream() const { return *stream_; }

 private:
    [[nodiscard]] Io say_closed();

    std::unique_ptr<TlsStream> stream_;
    bool more_ = true;  ///< the session may have something although the socket has not
};

}  // namespace mesh::proxy

#pragma once
#include "proxy/server_end.hpp"
#include "proxy/service.hpp"
#include "proxy/start_tls.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace mesh::proxy {

/// One server that is sent a cancel request, the way it is spoken to otherwise, until it has ended
/// the connection. The request must outlive it.
class CancelCopy {
 public:
    /// `header` goes ahead of everything, in the clear; it may be empty. `service`, whose server
    /// it is, must outlive it.
    CancelCopy(DescriptorPtr socket,
               const Service& service,
               const model::Server& server,
               Bytes header,
               ByteView request);

    /// Goes on as far as the socket allows. `scratch` is for what nobody reads.
    void advance(std::span<std::uint8_t> scratch);
    [[nodiscard]] bool is_done() const { return stage_ == Stage::done; }
    /// The server has the request; whether it did anything it does not say.
    [[nodiscard]] bool is_told() const { return told_; }
    /// Why there was no TLS, as far as it has got; empty: there is some, or is to be none.
    [[nodiscard]] std::string why_no_tls() const;
    [[nodiscard]] const Service& service() const { return *service_; }
    [[nodiscard]] const model::Server& server() const { return server_; }

 private:
    enum class Stage : std::uint8_t { announce, ask, hear, secure, tell, wait, done };

    [[nodiscard]] Stage step(std::span<std::uint8_t> scratch);
    [[nodiscard]] Stage announce();
    [[nodiscard]] Stage ask();
    [[nodiscard]] Stage hear();
    [[nodiscard]] Stage secure();
    [[nodiscard]] Stage tell();
    [[nodiscard]] Stage wait(std::span<std::uint8_t> scratch);
    [[nodiscard]] Stage sent(ByteView bytes, Stage next);
    [[nodiscard]] Descriptor& socket() { return stream_ ? stream_->socket() : *socket_; }

    DescriptorPtr socket_;  ///< until TLS takes it
    std::unique_ptr<TlsStream> stream_;
    const Service* service_;
    model::Server server_;
    Bytes header_;
    ByteView request_;
    std::array<std::uint8_t, 16> answer_{};
    std::size_t heard_ = 0;
    std::string failure_;  ///< of TLS
    Stage stage_ = Stage::announce;
    bool told_ = false;
};

}  // namespace mesh::proxy

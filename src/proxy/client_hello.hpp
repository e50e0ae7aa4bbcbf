#pragma once
#include "base/bytes.hpp"
#include "base/hostname.hpp"
#include "proxy/start_tls.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh::proxy {

/// What routing needs to know of a ClientHello.
struct ClientHello {
    /// Canonical; absent when the client sent none. An IP literal, which RFC 6066 §3 forbids but
    /// some clients send, counts as none.
    std::optional<Hostname> server_name;
    /// The client did send a server name, but an IP literal.
    bool named_an_address = false;
    std::vector<std::string> alpn;  ///< protocols offered, in order
    std::uint16_t legacy_version = 0;
    /// Bytes of the wire up to the end of the hello: headers and payload of its records. What was
    /// received beyond belongs to the next message.
    std::size_t consumed = 0;

    /// True if `protocol` is the only one offered.
    [[nodiscard]] bool offers_only(std::string_view protocol) const {
        return alpn.size() == 1 && alpn.front() == protocol;
    }
};

/// Whether a connection that begins with `bytes` speaks TLS, by no more than 4 of them.
[[nodiscard]] Match begins_tls(ByteView bytes);

/// Reads a ClientHello from the first bytes of a connection, however they are split over records
/// and reads. Pure: no socket, no time. Work is linear in the bytes fed.
///
/// Bounds: 64 KiB of handshake message (its 4-byte header included) in 64 records. All that was
/// fed is kept, to be replayed to a backend or to the TLS library; who feeds at most
/// `wanted_max()` at a time keeps that bounded too.
///
/// `malformed` never means "no name": such bytes belong to a TLS library, whose alert is the right
/// answer. Sources: RFC 8446 §4.1.2, §4.2, §5.1; RFC 6066 §3; RFC 7301 §3.1.
class ClientHelloReader {
 public:
    static constexpr std::size_t message_size_max = std::size_t{64} << 10;
    static constexpr std::size_t records_max = 64;

    enum class State {
        need_more,
        done,       ///< hello() is set
        not_tls,    ///< the first byte begins no TLS record and no SSLv2 hello
        malformed,  ///< looks like TLS, but is not a hello we can read: reason() says why
    };

    /// Takes the next bytes of the connection. After any state but need_more, bytes are only kept.
    State feed(ByteView bytes);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] const ClientHello& hello() const { return hello_; }
    [[nodiscard]] std::string_view reason() const { return reason_; }

    /// Everything fed so far.
    [[nodiscard]] const Bytes& received() const { return received_; }
    [[nodiscard]] Bytes take_received() { return std::move(received_); }
    /// More than this need not be read before the next feed.
    [[nodiscard]] static constexpr std::size_t wanted_max() { return 16 * 1024; }

 private:
    static constexpr std::size_t record_header_size = 5;

    State advance();
    State first_bytes(ByteView unread);
    State begin_record(ByteView header);
    State message_grew();
    State parse_message(ByteView body);
    State parse_extensions(ByteView extensions);
    State parse_server_name(ByteView data);
    State parse_alpn(ByteView data);
    State malformed(std::string_view reason);

    State state_ = State::need_more;
    std::string_view reason_;
    Bytes received_;
    std::size_t read_ = 0;         ///< bytes of received_ already looked at
    std::size_t record_left_ = 0;  ///< payload of the current record still to come
    std::size_t records_ = 0;
    Bytes message_;
    ClientHello hello_;
};

[[nodiscard]] std::string_view to_string(ClientHelloReader::State state);

}  // namespace mesh::proxy

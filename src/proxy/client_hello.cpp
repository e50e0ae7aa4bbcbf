#include "proxy/client_hello.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <utility>

namespace mesh::proxy {

namespace {

constexpr std::uint8_t content_handshake = 22;
constexpr std::uint8_t handshake_client_hello = 1;
constexpr std::size_t handshake_header_size = 4;
constexpr std::size_t record_payload_max = std::size_t{1} << 14;
constexpr std::uint16_t extension_server_name = 0;
constexpr std::uint16_t extension_alpn = 16;
constexpr std::uint8_t name_type_host = 0;

bool is_ip_literal(std::string_view name) {
    const std::string text(name);
    in_addr v4{};
    in6_addr v6{};
    return inet_pton(AF_INET, text.c_str(), &v4) == 1 ||
           inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

}  // namespace

Match begins_tls(ByteView bytes) {
    if (bytes.empty()) return Match::need_more;
    if (bytes[0] == content_handshake) return Match::yes;
    // An SSLv2 hello: two bytes of length with the top bit set, the message type, and the version
    // wanted. It asks for TLS, so it must never fall to a route for plain bytes.
    const bool may_be_sslv2 = (bytes[0] & 0x80) != 0 &&
                              (bytes.size() < 3 || bytes[2] == handshake_client_hello) &&
                              (bytes.size() < 4 || bytes[3] == 0 || bytes[3] == 3);
    if (!may_be_sslv2) return Match::no;
    return bytes.size() < 4 ? Match::need_more : Match::yes;
}

ClientHelloReader::State ClientHelloReader::feed(ByteView bytes) {
    received_.insert(received_.end(), bytes.begin(), bytes.end());
    while (state_ == State::need_more && read_ < received_.size()) {
        const std::size_t before = read_;
        state_ = advance();
        if (read_ == before) break;
    }
    return state_;
}

/// One step over the unread bytes: a record header, or as much payload as is there.
ClientHelloReader::State ClientHelloReader::advance() {
    const ByteView unread = ByteView(received_).subspan(read_);
    if (record_left_ > 0) {
        const ByteView payload = unread.first(std::min(record_left_, unread.size()));
        message_.insert(message_.end(), payload.begin(), payload.end());
        read_ += payload.size();
        record_left_ -= payload.size();
        return message_grew();
    }
    if (records_ == 0) {
        const State looks = first_bytes(unread);
        if (looks != State::need_more) return looks;
    }
    if (unread.size() < record_header_size) return State::need_more;
    return begin_record(unread.first(record_header_size));
}

/// Tells TLS from other protocols as early as the bytes allow.
ClientHelloReader::State ClientHelloReader::first_bytes(ByteView unread) {
    const Match tls = begins_tls(unread);
    if (tls == Match::no) return State::not_tls;
    if (tls == Match::need_more) return State::need_more;
    if (unread[0] != content_handshake) return malformed("SSLv2 hello");
    if (unread.size() > 1 && unread[1] != 3) return malformed("unknown record version");
    return State::need_more;
}

ClientHelloReader::State ClientHelloReader::begin_record(ByteView header) {
    ByteReader reader(header);
    const auto type = reader.u8();
    const auto version = reader.u16();
    const auto length = reader.u16();
    if (*type != content_handshake) return malformed("another record inside the hello");
    if (*version >> 8 != 3) return malformed("unknown record version");
    if (*length == 0) return malformed("empty record");
    if (*length > record_payload_max) return malformed("record too long");
    if (++records_ > records_max) return malformed("too many records");
    read_ += header.size();
    record_left_ = *length;
    return State::need_more;
}

ClientHelloReader::State ClientHelloReader::message_grew() {
    ByteReader reader(message_);
    const auto type = reader.u8();
    if (type && *type != handshake_client_hello) return malformed("not a client hello");
    const auto length = reader.u24();
    if (!length) return State::need_more;
    if (*length > message_size_max - handshake_header_size) return malformed("hello too long");
    const auto body = reader.take(*length);
    if (!body) return State::need_more;

    // A record may go on behind the hello; what follows is for the TLS library to judge.
    hello_.consumed = read_ - reader.remaining();
    const State parsed = parse_message(*body);
    message_ = {};
    return parsed;
}

ClientHelloReader::State ClientHelloReader::parse_message(ByteView body) {
    constexpr std::size_t random_size = 32;
    constexpr std::size_t session_id_size_max = 32;
    ByteReader reader(body);
    const auto version = reader.u16();
    if (!version || !reader.take(random_size)) return malformed("hello cut short");
    hello_.legacy_version = *version;
    const auto session_id = reader.block8();
    if (!session_id || session_id->size() > session_id_size_max) return malformed("session id");
    const auto suites = reader.block16();
    if (!suites || suites->empty() || suites->size() % 2 != 0) return malformed("cipher suites");
    const auto compression = reader.block8();
    if (!compression || compression->empty()) return malformed("compression methods");
    if (reader.empty()) return State::done;  // allowed before TLS 1.3
    const auto extensions = reader.block16();
    if (!extensions || !reader.empty()) return malformed("extensions");
    return parse_extensions(*extensions);
}

ClientHelloReader::State ClientHelloReader::parse_extensions(ByteView extensions) {
    bool server_name_seen = false;
    bool alpn_seen = false;
    for (ByteReader reader(extensions); !reader.empty();) {
        const auto type = reader.u16();
        const auto data = type ? reader.block16() : std::nullopt;
        if (!data) return malformed("extension cut short");
        State state = State::done;
        if (*type == extension_server_name) {
            if (std::exchange(server_name_seen, true)) return malformed("server_name twice");
            state = parse_server_name(*data);
        } else if (*type == extension_alpn) {
            if (std::exchange(alpn_seen, true)) return malformed("ALPN twice");
            state = parse_alpn(*data);
        }
        if (state != State::done) return state;
    }
    return State::done;
}

/// Exactly one entry, a host name: what every client sends, and all that OpenSSL accepts.
ClientHelloReader::State ClientHelloReader::parse_server_name(ByteView data) {
    ByteReader extension(data);
    const auto list = extension.block16();
    if (!list || !extension.empty()) return malformed("server_name");
    ByteReader entries(*list);
    const auto type = entries.u8();
    const auto name = type ? entries.block16() : std::nullopt;
    if (!name || *type != name_type_host || !entries.empty()) return malformed("server_name");

    // inet_pton sees a C string: a NUL must not hide what follows it.
    const std::string_view text = as_text(*name);
    if (text.find('\0') == std::string_view::npos && is_ip_literal(text)) {
        hello_.named_an_address = true;
        return State::done;
    }
    auto parsed = Hostname::parse(text);
    if (!parsed) return malformed("invalid host name in server_name");
    hello_.server_name = std::move(*parsed);
    return State::done;
}

ClientHelloReader::State ClientHelloReader::parse_alpn(ByteView data) {
    ByteReader extension(data);
    const auto list = extension.block16();
    if (!list || list->empty() || !extension.empty()) return malformed("ALPN");
    for (ByteReader protocols(*list); !protocols.empty();) {
        const auto protocol = protocols.block8();
        if (!protocol || protocol->empty()) return malformed("ALPN");
        hello_.alpn.emplace_back(as_text(*protocol));
    }
    return State::done;
}

ClientHelloReader::State ClientHelloReader::malformed(std::string_view reason) {
    reason_ = reason;
    return State::malformed;
}

std::string_view to_string(ClientHelloReader::State state) {
    switch (state) {
        case ClientHelloReader::State::need_more:
            return "need more";
        case ClientHelloReader::State::done:
            return "done";
        case ClientHelloReader::State::not_tls:
            return "not TLS";
        case ClientHelloReader::State::malformed:
            return "malformed";
    }
    return "unknown";
}

}  // namespace mesh::proxy

// The first bytes of Postgres clients, and the chain of sniffers, as pure functions.
#include "proxy/postgres_startup.hpp"

#include "proxy/client_hello.hpp"
#include "proxy/sniffer.hpp"
#include "support/catch.hpp"

#include <array>
#include <string>

using namespace mesh;
using namespace mesh::proxy;
using namespace std::string_literals;

namespace {

using Kind = PostgresMessage::Kind;
using Action = ClientStep::Action;

const std::string ssl_request = "\0\0\0\x08\x04\xd2\x16\x2f"s;
const std::string gss_request = "\0\0\0\x08\x04\xd2\x16\x30"s;
const std::string cancel = "\0\0\0\x10\x04\xd2\x16\x2e\0\0\1\2\3\4\5\6"s;
const std::string startup = "\0\0\0\x11\0\3\0\0user\0me\0\0"s;

Sniffed sniffed(std::string_view bytes, bool with_postgres = true) {
    static const std::array<const StartTls*, 1> protocols{&postgres()};
    return sniff(as_bytes(bytes), std::span(protocols).first(with_postgres ? 1 : 0));
}

PostgresMessage read(std::string_view bytes) {
    return read_postgres_message(as_bytes(bytes));
}

}  // namespace

TEST_CASE("postgres startup: each message is known by its first 8 bytes, however they are split",
          "[postgres]") {
    const std::pair<std::string, Kind> messages[] = {{ssl_request, Kind::ssl_request},
                                                     {gss_request, Kind::gss_request},
                                                     {cancel, Kind::cancel_request},
                                                     {startup, Kind::startup}};
    for (const auto& [message, kind] : messages) {
        for (std::size_t size = 0; size <= message.size(); ++size) {
            CAPTURE(message.size(), size);
            const PostgresMessage found = read(message.substr(0, size));
            CHECK(found.kind == (size < 8 ? Kind::need_more : kind));
            if (size >= 8) CHECK(found.size == message.size());
            CHECK(sniffed(message.substr(0, size)).opening ==
                  (size < 8 ? Opening::need_more : Opening::start_tls));
        }
        CHECK(read(message + "more").kind == kind);
    }
}

TEST_CASE("postgres startup: what is none is known as early as its bytes allow", "[postgres]") {
    CHECK(read("G").kind == Kind::none);
    CHECK(read("\1"s).kind == Kind::none);
    CHECK(read("\0\1"s).kind == Kind::none);
    CHECK(read("\0\0\x27\x11"s).kind == Kind::none);  // 10,001 bytes
    CHECK(read("\0\0\x27\x10"s).kind == Kind::need_more);
    CHECK(read("\0\0\0\x07"s).kind == Kind::none);
    CHECK(read("\0\0\0\x09\x04"s).kind == Kind::none);  // that long no request is
    CHECK(read("\0\0\0\x08\0"s).kind == Kind::none);    // nor so short a startup
    CHECK(read("\0\0\0\x08\x04\xd2\x16\x31"s).kind == Kind::none);
    CHECK(read("\0\0\1\0\0\2\0\0"s).kind == Kind::none);  // protocol 2
    CHECK(read("\0\0\1\0\0\3\0\2"s).kind == Kind::startup);
    // A cancel key may have up to 256 bytes from protocol 3.2 on.
    CHECK(read("\0\0\1\x0c\x04\xd2\x16\x2e"s).kind == Kind::cancel_request);
    CHECK(read("\0\0\1\x0d\x04\xd2\x16\x2e"s).kind == Kind::none);
}

TEST_CASE("postgres startup: what a client is answered", "[postgres]") {
    const auto says = [](std::string_view bytes) {
        return postgres().client_says(as_bytes(bytes));
    };
    CHECK(says(ssl_request).action == Action::start_tls);
    CHECK(as_text(says(ssl_request).answer) == "S");
    CHECK(says(ssl_request + "x").action == Action::malformed);
    CHECK(says(gss_request).action == Action::answer);
    CHECK(as_text(says(gss_request).answer) == "N");
    CHECK(says(gss_request + startup).size == 8);
    CHECK(says(startup).action == Action::plain);
    CHECK(says(cancel).action == Action::cancel);
    CHECK(says(cancel.substr(0, 15)).action == Action::need_more);
    CHECK(says("GET / HTTP/1.0").action == Action::malformed);
    CHECK(says("").action == Action::need_more);
}

TEST_CASE("postgres startup: a server answers a request for TLS by one byte", "[postgres]") {
    using Answer = StartTls::Answer;
    const auto says = [](std::string_view bytes) {
        return postgres().server_says(as_bytes(bytes));
    };
    CHECK(as_text(postgres().request) == ssl_request);
    CHECK(says("") == Answer::need_more);
    CHECK(says("S") == Answer::yes);
    CHECK(says("N") == Answer::no);
    CHECK(says("Sx") == Answer::malformed);
    CHECK(says("Nx") == Answer::malformed);
    CHECK(says("E") == Answer::failed);
    CHECK(says("EFATAL: sorry, too many clients already") == Answer::failed);
}

TEST_CASE("postgres startup: the refusal is an ErrorResponse that says its own length",
          "[postgres]") {
    const ByteView refusal = postgres().tls_required;
    CHECK(refusal[0] == 'E');
    ByteReader reader(refusal.subspan(1));
    CHECK(reader.u32() == refusal.size() - 1);
    CHECK(as_text(reader.rest()) ==
          "SFATAL\0VFATAL\0C28000\0MTLS required: use sslmode=require\0\0"s);
}

TEST_CASE("sniffer: the first byte of TLS decides, and is nothing else", "[postgres]") {
    // X26
    for (int byte = 0; byte < 256; ++byte) {
        CAPTURE(byte);
        const std::string first(1, static_cast<char>(byte));
        const Opening opening = sniffed(first).opening;
        const Opening expected = byte == 0x16                ? Opening::tls
                                 : byte == 0 || byte >= 0x80 ? Opening::need_more
                                                             : Opening::other;
        CHECK(opening == expected);
        // What the chain says and what the reader of hellos says is one thing.
        ClientHelloReader reader;
        const bool not_tls = reader.feed(as_bytes(first)) == ClientHelloReader::State::not_tls;
        CHECK(not_tls == (opening == Opening::other || byte == 0));
    }
    CHECK(sniffed("\x80\x2e\1\3"s).opening == Opening::tls);
    CHECK(sniffed("\x80\x2e\2"s).opening == Opening::other);
    CHECK(sniffed(ssl_request).protocol == &postgres());
    CHECK(sniffed("\0\0\0\x08"s, false).opening == Opening::other);
    CHECK(sniffed("").opening == Opening::need_more);
}

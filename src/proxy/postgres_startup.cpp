#include "proxy/postgres_startup.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace mesh::proxy {

namespace {

using Kind = PostgresMessage::Kind;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::size_t header_size = 8;

/// A code, and how long messages with it are.
struct Form {
    Kind kind;
    std::uint32_t code;
    std::uint32_t code_mask;  ///< bits of it that count
    std::uint32_t size_min;
    std::uint32_t size_max;
};

constexpr std::uint32_t exact = 0xffff'ffff;
constexpr Form forms[] = {
    {Kind::ssl_request, 80'877'103, exact, 8, 8},
    {Kind::gss_request, 80'877'104, exact, 8, 8},
    // A key of 4 bytes; of up to 256 from protocol 3.2 on.
    {Kind::cancel_request, 80'877'102, exact, 16, 12 + 256},
    {Kind::startup, 3U << 16U, 0xffff'0000, 9, 10'000},
};

/// The values that a big-endian integer of four bytes may have of which these are the first.
struct Span {
    std::uint32_t low;
    std::uint32_t high;
};

Span values_of(ByteView first) {
    Span span{0, 0};
    for (std::size_t i = 0; i < 4; ++i) {
        const bool known = i < first.size();
        span.low = span.low << 8U | (known ? first[i] : 0U);
        span.high = span.high << 8U | (known ? first[i] : 0xffU);
    }
    return span;
}

bool may_be(const Form& form, ByteView bytes) {
    const ByteView length = bytes.first(std::min<std::size_t>(bytes.size(), 4));
    const Span size = values_of(length);
    if (size.high < form.size_min || size.low > form.size_max) return false;
    const Span code = values_of(bytes.subspan(length.size()));
    return (code.low & form.code_mask) <= form.code && form.code <= (code.high & form.code_mask);
}
Match begins(ByteView bytes) {
    switch (read_postgres_message(bytes).kind) {
        case Kind::none:
            return Match::no;
        case Kind::need_more:
            return Match::need_more;
        default:
            return Match::yes;
    }
}

ClientStep client_says(ByteView bytes) {
    using Action = ClientStep::Action;
    const PostgresMessage message = read_postgres_message(bytes);
    switch (message.kind) {
        case Kind::need_more:
            return {};
        case Kind::none:
            break;
        case Kind::ssl_request:
            // Whatever came with it has come too early to be TLS of somebody who waits for the
            // answer: it is injected, or made to be taken for what TLS protects (CVE-2021-23222).
            if (bytes.size() > message.size)
                return {Action::malformed, 0, {}, "bytes behind SSLRequest"};
            return {Action::start_tls, message.size, as_bytes("S")};
        case Kind::gss_request:
            return {Action::answer, message.size, as_bytes("N")};
        case Kind::cancel_request:
            if (bytes.size() < message.size) return {};
            return {Action::cancel, message.size};
        case Kind::startup:
            return {Action::plain, message.size};
    }
    return {Action::malformed, 0, {}, "not a Postgres startup message"};
}

StartTls::Answer server_says(ByteView answer) {
    using Answer = StartTls::Answer;
    if (answer.empty()) return Answer::need_more;
    // An ErrorResponse: mostly a postmaster that has no process left to give.
    if (answer[0] == 'E') return Answer::failed;
    if (answer.size() > 1) return Answer::malformed;
    if (answer[0] == 'S') return Answer::yes;
    return answer[0] == 'N' ? Answer::no : Answer::malformed;
}

constexpr std::string_view ssl_request = "\x00\x00\x00\x08\x04\xd2\x16\x2f"sv;

/// ErrorResponse: severity twice (localized and not), SQLSTATE invalid_authorization_specification,
/// the text.
std::string error_response() {
    const std::string fields = "SFATAL\0VFATAL\0C28000\0MTLS required: use sslmode=require\0\0"s;
    const std::size_t length = 4 + fields.size();
    std::string out = "E\0\0"s;
    out += static_cast<char>(length >> 8U);
    out += static_cast<char>(length & 0xffU);
    return out + fields;
}

}  // namespace

PostgresMessage read_postgres_message(ByteView bytes) {
    const ByteView header = bytes.first(std::min(bytes.size(), header_size));
    for (const Form& form : forms) {
        if (!may_be(form, header)) continue;
        if (header.size() < header_size) return {};
        return {form.kind, values_of(header.first(4)).low};
    }
    return {Kind::none, 0};
}

const StartTls& postgres() {
    static const std::string tls_required = error_response();
    static const StartTls protocol{"Postgres",
                                   begins,
                                   client_says,
                                   as_bytes(tls_required),
                                   as_bytes(ssl_request),
                                   server_says,
                                   "ssl=off?"};
    return protocol;
}

}  // namespace mesh::proxy

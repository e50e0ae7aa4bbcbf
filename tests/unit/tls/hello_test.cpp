// The hello OpenSSL reads must be the one that was routed on; and refusals.
#include "setup.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

struct Try {
    Meeting meeting;
    int alert = -1;
    std::string reason;
    bool certificate_shown = false;
};

Try connect_expecting(const ClientOptions& options, const ExpectedHello& expected) {
    Link link;
    Client client(options);
    auto server = Session::accept(*make_policy(), the_credential(), expected, link);
    REQUIRE(server.has_value());
    Try result;
    result.meeting = meet(client, **server, link);
    result.alert = client.alert();
    result.reason = (*server)->failure().message;
    result.certificate_shown = client.received_certificate();
    return result;
}

ExpectedHello expecting(std::optional<std::string> name, std::vector<std::string> alpn = {}) {
    return {std::move(name), std::move(alpn)};
}

struct Refusal {
    Progress progress = Progress::want_read;
    int level = -1;
    int alert = -1;
    std::size_t bytes = 0;
};

/// A routeless session fed with `bytes`, then the end of the stream.
Refusal refuse(ByteView bytes,
               std::uint8_t alert = SSL_AD_UNRECOGNIZED_NAME,
               std::size_t piece = 0) {
    Link link;
    if (piece > 0) link.receive_max = piece;
    auto session = Session::refuse(*make_policy(), alert, link);
    REQUIRE(session.has_value());
    link.to_server.put(bytes);
    link.to_server.end();
    Refusal refusal;
    for (int i = 0; i < 10; ++i) {
        refusal.progress = (*session)->handshake();
        if (refusal.progress != Progress::want_read) break;
    }
    const Bytes sent = link.to_client.all();
    refusal.bytes = sent.size();
    if (sent.size() == 7 && sent[0] == SSL3_RT_ALERT) {
        refusal.level = sent[5];
        refusal.alert = sent[6];
    }
    return refusal;
}

Bytes first_flight(const ClientOptions& options) {
    Link link;
    Client client(options);
    client.handshake(link);
    return link.to_server.all();
}

/// The bytes of `flight` with the first occurrence of `from` overwritten by `to`.
Bytes replaced(Bytes flight, std::string_view from, std::string_view to) {
    const auto found = std::search(flight.begin(), flight.end(), from.begin(), from.end());
    REQUIRE(found != flight.end());
    std::copy(to.begin(), to.end(), found);
    return flight;
}

constexpr int decode_error = 50;
constexpr int illegal_parameter = 47;
constexpr int unrecognized_name = 112;

}  // namespace

TEST_CASE("differential check: the hello that was routed on goes through, however it is spelled") {
    ClientOptions options = shop_client();
    CHECK(connect_expecting(options, expecting("shop.example")).meeting.established());
    options.server_name = "Shop.EXAMPLE.";
    CHECK(connect_expecting(options, expecting("shop.example")).meeting.established());
    options.server_name.clear();
    CHECK(connect_expecting(options, expecting(std::nullopt)).meeting.established());
    options = shop_client();
    options.alpn = {"h2", "http/1.1"};
    CHECK(connect_expecting(options, expecting("shop.example", {"h2", "http/1.1"}))
              .meeting.established());
}

TEST_CASE("differential check: an address as name is no name") {
    ClientOptions options;
    for (const char* address : {"192.0.2.7", "2001:db8::1"}) {
        options.server_name = address;
        CHECK(connect_expecting(options, expecting(std::nullopt)).meeting.established());
        CHECK(connect_expecting(options, expecting(address)).alert == illegal_parameter);
    }

    // A NUL hides nothing that follows it.
    options.server_name = "192.0.2.7x.evil.example";
    const Bytes flight =
        replaced(first_flight(options), "192.0.2.7x", std::string_view("192.0.2.7\0", 10));
    Link link;
    link.to_server.put(flight);
    auto session = Session::accept(*make_policy(), the_credential(), expecting(std::nullopt), link);
    REQUIRE(session.has_value());
    CHECK((*session)->handshake() == Progress::failed);
    CHECK_THAT((*session)->failure().message,
               ContainsSubstring("differs from the one that was routed"));
}

TEST_CASE("differential check: any difference ends the handshake before a certificate is shown") {
    ClientOptions named = shop_client();
    named.alpn = {"h2", "http/1.1"};
    ClientOptions nameless;
    ClientOptions odd;
    odd.server_name = "shop_example!";
    const std::vector<std::pair<ClientOptions, ExpectedHello>> cases = {
        {named, expecting("other.example", {"h2", "http/1.1"})},
        {named, expecting("shop.example.", {"h2", "http/1.1"})},
        {named, expecting(std::nullopt, {"h2", "http/1.1"})},
        {named, expecting("shop.example")},
        {named, expecting("shop.example", {"h2"})},
        {named, expecting("shop.example", {"http/1.1", "h2"})},
        {named, expecting("shop.example", {"h2", "http/1.1", "x"})},
        {named, expecting("shop.example", {"h2", "http/1.0"})},
        {nameless, expecting("shop.example")},
        {nameless, expecting(std::nullopt, {"h2"})},
        {odd, expecting("shop_example!")},
        {odd, expecting(std::nullopt)},
    };
    for (const auto& [options, expected] : cases) {
        const Try tried = connect_expecting(options, expected);
        CHECK(tried.meeting.client == Outcome::failed);
        CHECK(tried.meeting.server == Progress::failed);
        CHECK(tried.alert == illegal_parameter);
        CHECK_THAT(tried.reason, ContainsSubstring("differs from the one that was routed"));
        CHECK_FALSE(tried.certificate_shown);
    }
}

TEST_CASE("differential check: the second hello of a HelloRetryRequest is looked at too") {
    ClientOptions options = shop_client();
    options.groups = "P-521:P-256";  // its key share is for a group the policy does not have
    options.min_version = TLS1_3_VERSION;
    const auto policy = make_policy();

    Pair honest(policy, options);
    CHECK(honest.connect());

    for (const bool change_name : {true, false}) {
        Pair pair(policy, options);
        pair.client.handshake(pair.link);
        REQUIRE(pair.server->handshake() == Progress::want_read);
        REQUIRE(pair.link.to_client.size() > 0);  // the retry request
        pair.client.handshake(pair.link);
        if (change_name) {
            const Bytes second =
                replaced(pair.link.to_server.all(), "shop.example", "evil.example");
            pair.link.to_server.clear();
            pair.link.to_server.put(second);
            CHECK(pair.server->handshake() == Progress::failed);
            CHECK_THAT(pair.server->failure().message,
                       ContainsSubstring("differs from the one that was routed"));
        } else {
            CHECK(pair.server->handshake() == Progress::want_read);
            CHECK(meet(pair.client, *pair.server, pair.link).established());
        }
    }
}

TEST_CASE("refusal: a well-formed hello gets the given alert and nothing else") {
    ClientOptions with_alpn = shop_client();
    with_alpn.alpn = {"h2"};
    ClientOptions old = shop_client();
    old.max_version = TLS1_2_VERSION;
    ClientOptions older = shop_client();
    older.max_version = TLS1_VERSION;
    older.security_level = 0;
    for (const auto& options : {shop_client(), ClientOptions{}, with_alpn, old, older}) {
        const Bytes hello = first_flight(options);
        for (const std::uint8_t alert : Bytes{112, 120, 47}) {
            const Refusal refusal = refuse(hello, alert);
            CHECK(refusal.progress == Progress::failed);
            CHECK(refusal.level == SSL3_AL_FATAL);
            CHECK(refusal.alert == alert);
        }
        CHECK(refuse(hello, 112, 1).alert == unrecognized_name);
    }
}

TEST_CASE("refusal: a client sees the alert and no certificate") {
    Link link;
    Client client(shop_client());
    auto session = Session::refuse(*make_policy(), unrecognized_name, link);
    REQUIRE(session.has_value());
    const Meeting meeting = meet(client, **session, link);
    CHECK(meeting.server == Progress::failed);
    CHECK(meeting.client == Outcome::failed);
    CHECK(client.alert() == unrecognized_name);
    CHECK_FALSE(client.received_certificate());
}

TEST_CASE("refusal: a malformed hello gets the alert that is its own") {
    ClientOptions options = shop_client();
    options.alpn = {"postgresql"};
    const Bytes hello = first_flight(options);

    // The name's length reaches beyond its list.
    const std::string_view name_entry("\x00\x00\x0Cshop.example", 15);
    CHECK(refuse(replaced(hello, name_entry, std::string_view("\x00\x00\x7F", 3))).alert ==
          decode_error);
    CHECK(refuse(replaced(hello, name_entry, std::string_view("\x00\x00\x0B", 3))).alert ==
          decode_error);
    // A protocol of length zero, and one longer than the list.
    CHECK(refuse(replaced(hello, "\x0Apostgresql", std::string_view("\x00", 1))).alert ==
          decode_error);
    CHECK(refuse(replaced(hello, "\x0Apostgresql", "\x7F")).alert == decode_error);

    // The handshake message is shorter than what it holds.
    Bytes cut = hello;
    const unsigned length = cut[7] * 256U + cut[8] - 40U;
    cut[7] = static_cast<std::uint8_t>(length / 256);
    cut[8] = static_cast<std::uint8_t>(length % 256);
    const Refusal short_one = refuse(cut);
    CHECK(short_one.level == SSL3_AL_FATAL);
    CHECK((short_one.alert == decode_error || short_one.alert == SSL_AD_UNEXPECTED_MESSAGE));

    // Not a hello at all.
    Bytes wrong_type = hello;
    wrong_type[5] = SSL3_MT_FINISHED;
    CHECK(refuse(wrong_type).alert == SSL_AD_UNEXPECTED_MESSAGE);

    // A record longer than any may be.
    Bytes huge = {0x16, 0x03, 0x01, 0xFF, 0xFF};
    huge.resize(70000, 1);
    CHECK(refuse(huge).alert == SSL_AD_RECORD_OVERFLOW);
}

TEST_CASE("refusal: an extension that comes twice is illegal") {
    Bytes hello = first_flight(shop_client());
    // Turn the session ticket extension (35, empty) into a second extended master secret (23).
    const std::string_view ticket("\x00\x23\x00\x00", 4);
    hello = replaced(hello, ticket, std::string_view("\x00\x17\x00\x00", 4));
    CHECK(refuse(hello).alert == illegal_parameter);
}

TEST_CASE("refusal: what is no TLS is closed without an answer") {
    for (const std::string_view text :
         {"GET / HTTP/1.0\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\x01\x02\x03\x04\x05\x06\x07"}) {
        const Refusal refusal = refuse(as_bytes(text));
        CHECK(refusal.progress == Progress::failed);
        CHECK(refusal.bytes <= 7);
    }
}

TEST_CASE("refusal: every prefix of a hello waits, and ends as truncated") {
    const Bytes hello = first_flight(shop_client());
    for (std::size_t size = 0; size < hello.size(); ++size) {
        CAPTURE(size);
        const Refusal refusal = refuse(ByteView(hello).first(size));
        CHECK(refusal.progress == Progress::truncated);
        CHECK(refusal.bytes == 0);
    }
}

TEST_CASE("refusal: with any byte of the hello changed, no handshake and no crash") {
    const Bytes hello = first_flight(shop_client());
    for (std::size_t i = 0; i < hello.size(); ++i)
        for (const std::uint8_t value : Bytes{0x00, 0x01, 0x7F, 0xFF}) {
            Bytes changed = hello;
            changed[i] = value;
            const Refusal refusal = refuse(changed);
            CHECK(
                (refusal.progress == Progress::failed || refusal.progress == Progress::truncated));
            CHECK(refusal.bytes <= 7);
        }
}

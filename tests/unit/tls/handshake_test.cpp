#include "setup.hpp"

#include <openssl/err.h>

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

ClientOptions of_version(int version) {
    ClientOptions options = shop_client();
    options.min_version = options.max_version = version;
    return options;
}

}  // namespace

TEST_CASE("handshake: a client gets the certificate with its chain and both sides talk") {
    const auto policy = make_policy();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        Pair pair(policy, of_version(version));
        REQUIRE(pair.connect());
        CHECK(pair.server->version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        CHECK_FALSE(pair.server->cipher().empty());
        CHECK_FALSE(pair.server->resumed());
        CHECK(pair.server->alpn().empty());
        CHECK(pair.server->failure().message.empty());
        CHECK(sk_X509_num(pair.client.server_chain()) == 2);
        CHECK(X509_cmp(pair.client.server_certificate().get(),
                       the_credential()->chain().native().front().get()) == 0);

        pair.client.write(pair.link, "hello");
        CHECK(pair.read() == std::pair(std::string("hello"), Progress::want_read));

        REQUIRE(pair.server->write(as_bytes("good day")) == Progress::done);
        CHECK(pair.server->unsent() > 0);
        CHECK(pair.client.read(pair.link).empty());
        REQUIRE(pair.server->flush() == Progress::done);
        CHECK(pair.server->unsent() == 0);
        CHECK(pair.client.read(pair.link) == "good day");
    }
}

TEST_CASE("handshake: certificates of every key type serve, in both versions") {
    const auto policy = make_policy();
    for (const KeyType type : {KeyType::ec384, KeyType::rsa2048}) {
        LeafOptions leaf;
        leaf.key_type = type;
        const auto credential = the_world().credential(leaf);
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
            CHECK(Pair(policy, of_version(version), credential).connect());
    }
}

TEST_CASE("handshake: any cut of the bytes in either direction makes no difference") {
    const auto policy = make_policy();
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 100U}) {
        CAPTURE(piece);
        Pair pair(policy);
        pair.link.receive_max = piece;
        pair.link.send_max = piece;
        pair.link.window = piece;
        REQUIRE(pair.connect());
        pair.client.write(pair.link, std::string(5000, 'x'));
        CHECK(pair.read().first == std::string(5000, 'x'));
    }
}

TEST_CASE("handshake: each flight leaves in one piece") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    // Hello to Finished, and with no ticket keys nothing afterwards.
    CHECK(pair.link.sends == 1);
}

TEST_CASE("handshake: a certificate that was swapped is not kept by open connections") {
    auto credential = the_world().credential();
    const std::weak_ptr<const Credential> watch = credential;
    Link link;
    Client client(shop_client());
    const auto policy = make_policy();
    auto server = Session::accept(*policy, std::move(credential), expected_of(shop_client()), link);
    REQUIRE(server.has_value());
    CHECK_FALSE(watch.expired());
    REQUIRE(meet(client, **server, link).established());
    CHECK(watch.expired());
    client.write(link, "still here");
    Bytes into(100);
    std::size_t count = 0;
    CHECK((*server)->read(into, count) == Progress::done);
}

TEST_CASE("handshake: without a certificate there is no session to accept") {
    Link link;
    CHECK_FALSE(Session::accept(*make_policy(), nullptr, {}, link).has_value());
}

TEST_CASE("handshake: a client that goes away is told apart from one that misbehaves") {
    const auto policy = make_policy();
    {
        Pair pair(policy);
        pair.client.handshake(pair.link);
        pair.link.to_server.end();
        CHECK(pair.server->handshake() == Progress::truncated);
        CHECK(pair.server->handshake() == Progress::truncated);
        CHECK(pair.server->failure().code == Errc::closed);
        CHECK_THAT(pair.server->failure().message, ContainsSubstring("left during"));
    }
    {
        Pair pair(policy);
        pair.link.reset = true;
        CHECK(pair.server->handshake() == Progress::failed);
        CHECK(pair.server->failure().code == Errc::io);
        CHECK(pair.server->failure().origin == Origin::client);
    }
    {
        Pair pair(policy);
        pair.link.to_server.put(as_bytes("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"));
        CHECK(pair.server->handshake() == Progress::failed);
        CHECK(pair.server->failure().code == Errc::tls);
        CHECK_FALSE(pair.server->failure().message.empty());
        CHECK(pair.server->handshake() == Progress::failed);
    }
}

TEST_CASE("handshake: a close in the middle of it is a client that left") {
    Pair pair(make_policy());
    pair.client.handshake(pair.link);
    REQUIRE(pair.server->handshake() == Progress::want_read);
    pair.link.to_server.put(Bytes{0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x00});
    CHECK(pair.server->handshake() == Progress::truncated);
    CHECK(pair.server->handshake() == Progress::truncated);
    CHECK(pair.server->failure().code == Errc::closed);
}

TEST_CASE("handshake: an error left behind by other code on the thread does no harm") {
    Pair pair(make_policy());
    for (int turn = 0; turn < 3; ++turn) {
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
        pair.client.handshake(pair.link);
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
        static_cast<void>(pair.server->handshake());
    }
    pair.client.write(pair.link, "hello");
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    CHECK(pair.read() == std::pair(std::string("hello"), Progress::want_read));
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    CHECK(pair.server->write(as_bytes("x")) == Progress::done);
    CHECK(pair.server->close_write() == Progress::done);
}

TEST_CASE("handshake: an alert of the client is named in the failure") {
    Pair pair(make_policy());
    pair.client.handshake(pair.link);
    static_cast<void>(pair.server->handshake());
    // An unprotected alert where the client's encrypted flight should come.
    const Bytes alert = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 48};
    pair.link.to_server.put(alert);
    CHECK(pair.server->handshake() == Progress::failed);
    CHECK_THAT(pair.server->failure().message, ContainsSubstring("unknown ca"));
}

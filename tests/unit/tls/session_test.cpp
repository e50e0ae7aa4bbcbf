#include "tls/session.hpp"

#include "setup.hpp"
#include "tls/key_updates.hpp"

using namespace mesh;
using namespace mesh::tls;
using namespace mesh::tls::test;

namespace {

constexpr std::size_t MiB = std::size_t{1} << 20U;

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 7 + i / 251) & 0xFFU);
    return text;
}

}  // namespace

TEST_CASE("session: a megabyte leaves in few pieces and arrives whole") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    const std::string text = pattern(MiB);
    pair.link.sends = 0;
    REQUIRE(pair.server->write(as_bytes(text)) == Progress::done);
    REQUIRE(pair.server->flush() == Progress::done);
    CHECK(pair.link.sends <= 17);
    CHECK(pair.client.read(pair.link) == text);

    pair.link.sends = 0;
    for (int i = 0; i < 20; ++i) REQUIRE(pair.server->write(as_bytes("little")) == Progress::done);
    REQUIRE(pair.server->flush() == Progress::done);
    CHECK(pair.link.sends == 1);
}

TEST_CASE("session: while the peer does not take bytes, no more are taken") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    pair.link.window = 10'000;
    const std::string piece = pattern(16'000);
    std::size_t taken = 0;
    while (pair.server->write(as_bytes(piece)) == Progress::done) {
        ++taken;
        REQUIRE(taken <= 5);  // 64 KiB and the piece that crossed the line
    }
    CHECK(pair.server->flush() == Progress::want_write);
    CHECK(pair.server->unsent() > 0);
    CHECK(pair.server->write(as_bytes(piece)) == Progress::want_write);

    std::string received;
    for (int turn = 0; turn < 100 && pair.server->flush() == Progress::want_write; ++turn)
        received += pair.client.read(pair.link);
    received += pair.client.read(pair.link);
    std::string expected;
    for (std::size_t i = 0; i < taken; ++i) expected += piece;
    CHECK(received == expected);
    CHECK(pair.server->write(as_bytes(piece)) == Progress::done);
}

TEST_CASE("session: data flows whole in both directions over a transport of single bytes") {
    Pair pair(make_policy());
    pair.link.receive_max = pair.link.send_max = 1;
    REQUIRE(pair.connect());
    const std::string text = pattern(40'000);
    pair.client.write(pair.link, text);
    CHECK(pair.read() == std::pair(text, Progress::want_read));
    REQUIRE(pair.server->write(as_bytes(text)) == Progress::done);
    REQUIRE(pair.server->flush() == Progress::done);
    CHECK(pair.client.read(pair.link) == text);
}

TEST_CASE("session: several records are read at once, and a small buffer loses nothing") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    for (int i = 0; i < 10; ++i) pair.client.write(pair.link, "record " + std::to_string(i) + ";");
    pair.link.receives = 0;
    Bytes into(1000);
    std::size_t count = 0;
    REQUIRE(pair.server->read(into, count) == Progress::done);
    CHECK(count == 90);
    CHECK(pair.link.receives == 1);
    CHECK_FALSE(pair.server->has_pending());

    pair.client.write(pair.link, "abcdef");
    std::string text;
    for (int i = 0; i < 6; ++i) {
        REQUIRE(pair.server->read(std::span(into).first(1), count) == Progress::done);
        REQUIRE(count == 1);
        text.push_back(static_cast<char>(into[0]));
        CHECK(pair.server->has_pending() == (i < 5));
    }
    CHECK(text == "abcdef");
}

TEST_CASE("session: the client closes first, the server's bytes still arrive") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        ClientOptions options = shop_client();
        options.min_version = options.max_version = version;
        Pair pair(make_policy(), options);
        REQUIRE(pair.connect());
        pair.client.write(pair.link, "last words");
        pair.client.close(pair.link);
        CHECK(pair.read() == std::pair(std::string("last words"), Progress::closed));
        CHECK(pair.read() == std::pair(std::string(), Progress::closed));
        CHECK_FALSE(pair.server->has_pending());

        REQUIRE(pair.server->write(as_bytes(pattern(100'000))) == Progress::done);
        REQUIRE(pair.server->close_write() == Progress::done);
        REQUIRE(pair.server->flush() == Progress::done);
        CHECK(pair.client.read(pair.link) == pattern(100'000));
        CHECK(pair.client.closed_by_server());
    }
}

TEST_CASE("session: the server closes first, the client's bytes still arrive") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        ClientOptions options = shop_client();
        options.min_version = options.max_version = version;
        Pair pair(make_policy(), options);
        REQUIRE(pair.connect());
        REQUIRE(pair.server->write(as_bytes("bye")) == Progress::done);
        REQUIRE(pair.server->close_write() == Progress::done);
        CHECK(pair.server->unsent() > 0);
        CHECK(pair.server->close_write() == Progress::done);  // once is enough
        REQUIRE(pair.server->flush() == Progress::done);
        CHECK(pair.client.read(pair.link) == "bye");
        CHECK(pair.client.closed_by_server());

        pair.client.write(pair.link, pattern(100'000));
        CHECK(pair.read() == std::pair(pattern(100'000), Progress::want_read));
        pair.client.close(pair.link);
        CHECK(pair.read().second == Progress::closed);
    }
}

TEST_CASE("session: bytes that end without close_notify are not a close") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    pair.client.write(pair.link, "half a mess");
    pair.link.to_server.end();
    CHECK(pair.read() == std::pair(std::string("half a mess"), Progress::truncated));
    CHECK(pair.read().second == Progress::truncated);
    CHECK(pair.server->unsent() == 0);  // no alert for somebody who is gone
}

TEST_CASE("session: a lost connection is a failure on every side of it") {
    {
        Pair pair(make_policy());
        REQUIRE(pair.connect());
        pair.link.reset = true;
        CHECK(pair.read().second == Progress::failed);
        CHECK(pair.server->failure().code == Errc::io);
        CHECK(pair.server->write(as_bytes("x")) == Progress::failed);
        CHECK(pair.server->flush() == Progress::failed);
        CHECK(pair.server->close_write() == Progress::failed);
    }
    {
        Pair pair(make_policy());
        REQUIRE(pair.connect());
        REQUIRE(pair.server->write(as_bytes("x")) == Progress::done);
        pair.link.reset = true;
        CHECK(pair.server->flush() == Progress::failed);
        CHECK(pair.read().second == Progress::failed);
    }
}

TEST_CASE("session: a record that was tampered with ends the connection with an alert") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    pair.client.write(pair.link, "hello");
    const std::size_t last = pair.link.to_server.size() - 1;
    pair.link.to_server[last] ^= 1U;
    CHECK(pair.read() == std::pair(std::string(), Progress::failed));
    CHECK(pair.server->failure().code == Errc::tls);
    CHECK(pair.server->failure().origin == Origin::client);
    pair.client.read(pair.link);
    CHECK(pair.client.alert() == SSL_AD_BAD_RECORD_MAC);
}

TEST_CASE("session: data before a tampered record is still handed out") {
    Pair pair(make_policy());
    REQUIRE(pair.connect());
    pair.client.write(pair.link, "good");
    pair.client.write(pair.link, "bad");
    const std::size_t last = pair.link.to_server.size() - 1;
    pair.link.to_server[last] ^= 1U;
    CHECK(pair.read() == std::pair(std::string("good"), Progress::failed));
}

TEST_CASE("session: now and then a key update is fine") {
    ClientOptions options = shop_client();
    options.min_version = TLS1_3_VERSION;
    Pair pair(make_policy(), options);
    REQUIRE(pair.connect());
    for (int i = 0; i < 20; ++i) {
        pair.client.key_update(pair.link);
        pair.client.write(pair.link, "x");
        CHECK(pair.read() == std::pair(std::string("x"), Progress::want_read));
    }
    SSL_key_update(pair.client.native(), SSL_KEY_UPDATE_REQUESTED);
    pair.client.write(pair.link, "y");
    CHECK(pair.read().first == "y");
    REQUIRE(pair.server->write(as_bytes("z")) == Progress::done);
    REQUIRE(pair.server->flush() == Progress::done);
    CHECK(pair.client.read(pair.link) == "z");
}

TEST_CASE("session: key updates whose answers nobody reads are cut off, however slow they come") {
    tls::KeyUpdates updates;
    mesh::SteadyTime now{std::chrono::hours(1)};
    const auto next = [&](std::size_t unread) {
        now += std::chrono::seconds(10);
        return updates.allow(now, unread);
    };
    for (int i = 0; i < 1000; ++i) CHECK(next(128 * 1024));
    CHECK_FALSE(next(300 * 1024));
    CHECK(updates.flooded());
}

TEST_CASE("session: key updates without end are cut off") {
    ClientOptions options = shop_client();
    options.min_version = TLS1_3_VERSION;
    for (const bool with_data : {false, true}) {
        Pair pair(make_policy(), options);
        REQUIRE(pair.connect());
        bool cut = false;
        for (int i = 0; i < 5000 && !cut; ++i) {
            pair.client.key_update(pair.link);
            if (with_data) pair.client.write(pair.link, "x");
            cut = pair.read().second == Progress::failed;
            if (!cut) REQUIRE(i < 1000);
        }
        REQUIRE(cut);
        CHECK(pair.server->failure().code == Errc::limit);
        CHECK_THAT(pair.server->failure().message, ContainsSubstring("KeyUpdate"));
    }
    // All of them in one segment.
    Pair pair(make_policy(), options);
    REQUIRE(pair.connect());
    for (int i = 0; i < 5000; ++i) pair.client.key_update(pair.link);
    CHECK(pair.read().second == Progress::failed);
    CHECK(pair.link.to_server.size() > 0);  // most of it was not even read
}

TEST_CASE("session: reading and writing need a handshake first") {
    Pair pair(make_policy());
    Bytes into(10);
    std::size_t count = 0;
    CHECK(pair.server->read(into, count) == Progress::want_read);
    CHECK(pair.server->close_write() == Progress::done);
    CHECK(pair.server->unsent() == 0);
    CHECK(pair.server->write(as_bytes("x")) == Progress::failed);
}

// Servers that send too much, too little or something else.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mesh {
namespace {

using test::exchange;
using test::Peer;
using test::ScriptedServer;

http::Request bounded(const std::string& url) {
    http::Request request = test::plain(url);
    request.timeout = std::chrono::seconds{15};
    return request;
}

Error failure_of(const ScriptedServer::Script& script) {
    ScriptedServer server(script);
    const auto client = http::make_curl_client("mesh/test");
    const auto answer = exchange(*client, bounded(server.url("/")));
    REQUIRE_FALSE(answer.has_value());
    CHECK_THAT(answer.error().message,
               ContainsSubstring("127.0.0.1:" + std::to_string(server.port())));
    return answer.error();
}

TEST_CASE("http: a body over the limit is refused, announced or not") {
    const std::string two_megabytes(2 << 20, 'x');
    SECTION("with Content-Length") {
        CHECK(failure_of([&](Peer& peer, const Peer::Request&) {
                  return peer.answer(two_megabytes);
              }).code == Errc::limit);
    }
    SECTION("chunked, for ever") {
        CHECK(failure_of([&](Peer& peer, const Peer::Request&) {
                  peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                  const std::string chunk = "10000\r\n" + std::string(65'536, 'x') + "\r\n";
                  while (peer.write(chunk)) continue;
                  return false;
              }).code == Errc::limit);
    }
}

TEST_CASE("http: a body of exactly the limit is fine") {
    ScriptedServer server(
        [&](Peer& peer, const Peer::Request&) { return peer.answer(std::string(1000, 'x')); });
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = bounded(server.url("/"));
    request.body_size_max = 1000;
    CHECK(exchange(*client, request).has_value());
    request.body_size_max = 999;
    CHECK(exchange(*client, request).error().code == Errc::limit);
}

TEST_CASE("http: header fields without end are refused") {
    SECTION("many short ones") {
        CHECK(failure_of([&](Peer& peer, const Peer::Request&) {
                  peer.write("HTTP/1.1 200 OK\r\n");
                  while (peer.write("X-A: b\r\n")) continue;
                  return false;
              }).code == Errc::limit);
    }
    SECTION("few long ones") {
        CHECK(failure_of([&](Peer& peer, const Peer::Request&) {
                  peer.write("HTTP/1.1 200 OK\r\n");
                  while (peer.write("X-A: " + std::string(20'000, 'b') + "\r\n")) continue;
                  return false;
              }).code == Errc::limit);
    }
    SECTION("a line that never ends") {
        CHECK(failure_of([&](Peer& peer, const Peer::Request&) {
                  peer.write("HTTP/1.1 200 OK\r\nX-A: ");
                  while (peer.write(std::string(20'000, 'b'))) continue;
                  return false;
              }).code == Errc::limit);
    }
    SECTION("one interim answer after the other") {
        CHECK(failure_of([&](Peer& peer, const Peer::Request&) {
                  while (peer.write("HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n")) continue;
                  return false;
              }).code == Errc::limit);
    }
}

TEST_CASE("http: 200 fields pass, the next one does not") {
    int count = 200;
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        std::string fields;
        for (int i = 1; i < count; ++i) fields += "X-" + std::to_string(i) + ": v\r\n";
        return peer.answer("", fields);  // Content-Length is the first of them
    });
    const auto client = http::make_curl_client("mesh/test");
    const auto fits = exchange(*client, bounded(server.url("/")));
    REQUIRE(fits.has_value());
    CHECK(fits->headers.size() == 200);
    count = 201;
    CHECK(exchange(*client, bounded(server.url("/"))).error().code == Errc::limit);
}

TEST_CASE("http: answers that are cut off say so") {
    SECTION("before the first byte") {
        const Error error = failure_of([](Peer&, const Peer::Request&) { return false; });
        CHECK(error.code == Errc::io);
        CHECK_THAT(error.message, ContainsSubstring("closed the connection without an answer"));
    }
    SECTION("in the middle of the body") {
        const Error error = failure_of([](Peer& peer, const Peer::Request&) {
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            return false;
        });
        CHECK(error.code == Errc::io);
        CHECK_THAT(error.message, ContainsSubstring("cut its answer off"));
    }
    SECTION("in the middle of a chunk") {
        CHECK(failure_of([](Peer& peer, const Peer::Request&) {
                  peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf");
                  return false;
              }).code == Errc::io);
    }
    SECTION("something that is not HTTP") {
        const Error error = failure_of([](Peer& peer, const Peer::Request&) {
            peer.write("220 mail.example ESMTP\r\n");
            return false;
        });
        CHECK(error.code == Errc::io);
        CHECK_THAT(error.message, ContainsSubstring("does not answer in HTTP"));
    }
}

TEST_CASE("http: nobody listens") {
    // Bound and not listening: nobody else gets the port meanwhile.
    const int reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(reserved, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(getsockname(reserved, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    const int port = ntohs(address.sin_port);
    const auto client = http::make_curl_client("mesh/test");
    http::Request request = bounded("http://127.0.0.1:" + std::to_string(port) + "/");
    request.direct = true;
    const auto answer = exchange(*client, request);
    close(reserved);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::io);
    CHECK(answer.error().origin == Origin::upstream);
    CHECK(answer.error().message ==
          "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

}  // namespace
}  // namespace mesh

// Every exchange ends by its deadline, wherever the server got stuck.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <thread>
#include <utility>

namespace mesh {
namespace {

using std::chrono::milliseconds;
using test::exchange;
using test::Peer;
using test::ScriptedServer;

/// Sends with a timeout of 300 ms and checks that the answer came then and not much later.
Error fails_on_time(const std::string& url) {
    const auto client = http::make_curl_client("mesh/test");
    http::Request request;
    request.url = url;
    request.https_only = false;
    request.timeout = milliseconds{300};
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, request);
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::timeout);
    CHECK(took >= milliseconds{290});
    CHECK(took < milliseconds{2'000});
    return answer.error();
}

TEST_CASE("http: a server that never answers") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.wait_for_close();
        return false;
    });
    CHECK(fails_on_time(server.url("/")).message ==
          "127.0.0.1:" + std::to_string(server.port()) + " did not answer within 300ms");
}

TEST_CASE("http: a server that answers once, and on the same connection never again") {
    ScriptedServer server([first = true](Peer& peer, const Peer::Request&) mutable {
        if (std::exchange(first, false))
            return peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        peer.wait_for_close();
        return false;
    });
    const auto client = http::make_curl_client("mesh/test");
    http::Request request;
    request.url = server.url("/");
    request.https_only = false;
    request.timeout = milliseconds{300};
    REQUIRE(exchange(*client, request).has_value());
    const auto answer = exchange(*client, request);
    REQUIRE_FALSE(answer.has_value());
    CHECK(server.connections() == 1);
    CHECK(answer.error().message ==
          "127.0.0.1:" + std::to_string(server.port()) + " did not answer within 300ms");
}

TEST_CASE("http: a header that drips") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.write("HTTP/1.1 200 OK\r\n");
        while (peer.write("X: y\r\n")) std::this_thread::sleep_for(milliseconds{20});
        return false;
    });
    fails_on_time(server.url("/"));
}

TEST_CASE("http: a body that drips") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (peer.write("x")) std::this_thread::sleep_for(milliseconds{20});
        return false;
    });
    CHECK_THAT(fails_on_time(server.url("/")).message,
               ContainsSubstring("did not finish its answer within 300ms"));
}

TEST_CASE("http: a TLS handshake that never ends") {
    // Reads the hello and says nothing: a plain server behind an https URL.
    ScriptedServer server([](Peer&, const Peer::Request&) { return false; });
    const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
    CHECK_THAT(fails_on_time(url).message, ContainsSubstring("TLS handshake within 300ms"));
}

TEST_CASE("http: waiting for a free connection counts") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.wait_for_close();
        return false;
    });
    const auto client = http::make_curl_client("mesh/test", 1);
    test::Pump pump;
    http::Request first;
    first.url = server.url("/first");
    first.https_only = false;
    client->send(first, pump, [](Result<http::Response>) {});
    http::Request second = first;
    second.url = server.url("/second");
    second.timeout = milliseconds{300};
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, second);
    const auto took = std::chrono::steady_clock::now() - begin;

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::timeout);
    CHECK_THAT(answer.error().message, ContainsSubstring("became free within 300ms"));
    CHECK(took >= milliseconds{290});
    CHECK(took < milliseconds{2'000});
    CHECK(server.connections() == 1);
}

TEST_CASE("http: time spent waiting is taken from the exchange itself") {
    ScriptedServer server([](Peer& peer, const Peer::Request& request) {
        if (request.line.find("/slow") != std::string::npos) {
            std::this_thread::sleep_for(milliseconds{250});
            return peer.answer("done");
        }
        peer.wait_for_close();
        return false;
    });
    const auto client = http::make_curl_client("mesh/test", 1);
    test::Pump pump;
    http::Request first;
    first.url = server.url("/slow");
    first.https_only = false;
    client->send(first, pump, [](Result<http::Response>) {});
    http::Request second = first;
    second.url = server.url("/never");
    second.timeout = milliseconds{500};
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, second);
    const auto took = std::chrono::steady_clock::now() - begin;

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::timeout);
    CHECK(took >= milliseconds{490});
    CHECK(took < milliseconds{730});
}

}  // namespace
}  // namespace mesh

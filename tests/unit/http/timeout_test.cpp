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

/// Long after the request's own time limit, and before any other there is (10 s to connect).
constexpr milliseconds much_later{9'000};

/// What a request with that time limit comes to, which it must do then and not much later.
std::string timed_out(const std::string& url, milliseconds limit) {
    const auto client = http::make_curl_client("mesh/test");
    http::Request request;
    request.url = url;
    request.https_only = false;
    request.timeout = limit;
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, request);
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::timeout);
    CHECK(took >= limit - milliseconds{10});
    CHECK(took < much_later);
    return answer.error().message;
}

/// Sends with a timeout of 300 ms and checks what it comes to. A machine that stood still all that
/// time has not brought the request to where the server gets stuck: then 4 s are enough.
std::string fails_on_time(const std::string& url, const std::string& says) {
    std::string message = timed_out(url, milliseconds{300});
    std::string expected = says + " within 300ms";
    if (message.find(expected) == std::string::npos) {
        message = timed_out(url, milliseconds{4'000});
        expected = says + " within 4s";
    }
    INFO(message);
    CHECK(message.ends_with(expected));
    return message;
}

TEST_CASE("http: a server that never answers") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.wait_for_close();
        return false;
    });
    const std::string who = "127.0.0.1:" + std::to_string(server.port());
    CHECK(fails_on_time(server.url("/"), who + " did not answer").starts_with(who));
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
    REQUIRE(exchange(*client, request).has_value());
    request.timeout = milliseconds{3'000};  // a machine may stand still for two seconds
    const auto answer = exchange(*client, request);
    REQUIRE_FALSE(answer.has_value());
    CHECK(server.connections() == 1);
    CHECK(answer.error().message ==
          "127.0.0.1:" + std::to_string(server.port()) + " did not answer within 3s");
}

TEST_CASE("http: a header that drips") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.write("HTTP/1.1 200 OK\r\n");
        while (peer.write("X: y\r\n")) std::this_thread::sleep_for(milliseconds{20});
        return false;
    });
    timed_out(server.url("/"), milliseconds{300});
}

TEST_CASE("http: a body that drips") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (peer.write("x")) std::this_thread::sleep_for(milliseconds{20});
        return false;
    });
    fails_on_time(server.url("/"), "did not finish its answer");
}

TEST_CASE("http: a TLS handshake that never ends") {
    // Reads the hello and says nothing: a plain server behind an https URL.
    ScriptedServer server([](Peer&, const Peer::Request&) { return false; });
    const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
    fails_on_time(url, "TLS handshake");
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
    REQUIRE(test::comes_true([&] { return server.requests() == 1; }));
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
    CHECK(took < much_later);
    CHECK(server.connections() == 1);
}

TEST_CASE("http: time spent waiting is taken from the exchange itself") {
    ScriptedServer server([](Peer& peer, const Peer::Request& request) {
        if (request.line.find("/slow") != std::string::npos) {
            std::this_thread::sleep_for(milliseconds{2'700});
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
    second.timeout = milliseconds{3'000};
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, second);
    const auto took = std::chrono::steady_clock::now() - begin;

    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == Errc::timeout);
    CHECK(took >= milliseconds{2'990});
    CHECK(took < milliseconds{5'600});  // were it not, it would take 5.7 s
}

}  // namespace
}  // namespace mesh

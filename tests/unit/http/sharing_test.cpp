// Many requests at once: nobody starves, connections are reused and bounded.
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace mesh {
namespace {

using std::chrono::milliseconds;
using test::exchange;
using test::Peer;
using test::plain;
using test::Pump;
using test::ScriptedServer;

bool long_poll_or_answer(Peer& peer, const Peer::Request& request) {
    if (request.line.find("/watch") == std::string::npos) return peer.answer("short");
    peer.wait_for_close();
    return false;
}

TEST_CASE("http: 300 long polls do not hold up a short request to the same server") {
    ScriptedServer server(long_poll_or_answer);
    const auto client = http::make_curl_client("mesh/test", 512);
    Pump pump;
    for (int i = 0; i < 300; ++i) {
        client->send(
            plain(server.url("/watch/" + std::to_string(i))), pump, [](Result<http::Response>) {});
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (server.requests() < 300 && std::chrono::steady_clock::now() < deadline) {
        pump.run_until([] { return false; }, milliseconds{5});
    }
    REQUIRE(server.requests() == 300);

    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, plain(server.url("/short")));

    REQUIRE(answer.has_value());
    CHECK(answer->body == "short");
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{10});
}

TEST_CASE("http: 300 long polls use their connections again, round after round") {
    std::atomic<int> asked = 0;
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        // Answers come only when all ask: each poll then needs a connection of its own.
        const int round = asked++ / 300;
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (asked < (round + 1) * 300 && std::chrono::steady_clock::now() < limit)
            std::this_thread::sleep_for(milliseconds{1});
        return peer.answer("changed");
    });
    const auto client = http::make_curl_client("mesh/test", 512);
    Pump pump;
    for (int round = 0; round < 3; ++round) {
        int answered = 0;
        for (int i = 0; i < 300; ++i) {
            client->send(plain(server.url("/watch")), pump, [&](Result<http::Response> result) {
                if (result) ++answered;
            });
        }
        REQUIRE(pump.run_until([&] { return answered == 300; }));
    }
    CHECK(server.connections() == 300);
}

TEST_CASE("http: long polls that wait their turn do not hold up another server") {
    ScriptedServer polled(long_poll_or_answer);
    ScriptedServer other(long_poll_or_answer);
    const auto client = http::make_curl_client("mesh/test", 8);
    Pump pump;
    for (int i = 0; i < 300; ++i) {
        client->send(plain(polled.url("/watch")), pump, [](Result<http::Response>) {});
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = exchange(*client, plain(other.url("/short")));

    REQUIRE(answer.has_value());
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{10});
    CHECK(polled.connections() <= 8);
}

TEST_CASE("http: at most per_host connections, and all requests get their turn") {
    std::atomic<int> asked = 0;
    std::atomic<int> at_once = 0;
    std::atomic<int> most = 0;
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        const int now = ++at_once;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) continue;
        // Three are answered together, so that none the system keeps waiting is overtaken.
        const int all = (asked++ / 3 + 1) * 3;
        (void)test::comes_true([&] { return asked >= all; });
        --at_once;
        return peer.answer("ok");
    });
    const auto client = http::make_curl_client("mesh/test", 3);
    Pump pump;
    std::vector<int> order;
    for (int i = 0; i < 60; ++i) {
        client->send(plain(server.url("/")), pump, [&order, i](Result<http::Response> result) {
            if (result) order.push_back(i);
        });
    }
    CHECK(pump.run_until([&] { return order.size() == 60; }));
    CHECK(most == 3);
    CHECK(server.connections() == 3);
    // First come, first served, but for the order within the three.
    for (int i = 0; i < static_cast<int>(order.size()); ++i) {
        CHECK(std::abs(order[static_cast<std::size_t>(i)] - i) <= 2);
    }
}

TEST_CASE("http: requests beyond what may wait are refused at once") {
    ScriptedServer server(long_poll_or_answer);
    const auto client = http::make_curl_client("mesh/test", 1);
    Pump pump;
    int refused = 0;
    for (int i = 0; i < 4'200; ++i) {
        client->send(plain(server.url("/watch")), pump, [&](Result<http::Response> result) {
            if (!result && result.error().code == Errc::limit) ++refused;
        });
    }
    CHECK(pump.run_until([&] { return refused == 4'200 - 4'096 - 1; }));
}

TEST_CASE("http: thousands that wait in vain end on time, in the order they came") {
    ScriptedServer server(long_poll_or_answer);
    const auto client = http::make_curl_client("mesh/test", 1);
    Pump pump;
    client->send(plain(server.url("/watch")), pump, [](Result<http::Response>) {});
    std::vector<int> order;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 4'000; ++i) {
        http::Request request = plain(server.url("/watch"));
        request.timeout = milliseconds{500};
        client->send(std::move(request), pump, [&order, i](Result<http::Response> result) {
            if (!result && result.error().code == Errc::timeout) order.push_back(i);
        });
    }
    CHECK(pump.run_until([&] { return order.size() == 4'000; }));
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{15});
}

TEST_CASE("http: a connection is used again, and a dead one replaced without an error") {
    std::atomic<int> served = 0;
    ScriptedServer server([&](Peer& peer, const Peer::Request&) {
        peer.answer("ok");
        return ++served != 2;  // closes behind the second answer
    });
    const auto client = http::make_curl_client("mesh/test");
    for (int i = 0; i < 4; ++i) CHECK(exchange(*client, plain(server.url("/"))).has_value());
    CHECK(server.connections() == 2);
}

TEST_CASE("http: a POST whose connection ends without an answer is not sent again") {
    std::atomic<int> asked = 0;
    ScriptedServer server([&](Peer& peer, const Peer::Request& request) {
        // The connection has served before, so libcurl would take it for one that died idle.
        if (request.line.starts_with("GET")) return peer.answer("ok");
        ++asked;
        return false;
    });
    const auto client = http::make_curl_client("mesh/test");
    REQUIRE(exchange(*client, plain(server.url("/"))).has_value());
    http::Request order = plain(server.url("/order"));
    order.method = http::Method::post;
    order.body = "one certificate, please";

    const auto answer = exchange(*client, order);

    REQUIRE(answer.has_error());
    CHECK(answer.error().code == Errc::io);
    CHECK_THAT(answer.error().message,
               ContainsSubstring("closed the connection without an answer"));
    // libcurl may connect once more before it notices that it has nothing to send there.
    CHECK(asked == 1);
    CHECK(exchange(*client, plain(server.url("/"))).has_value());
}

}  // namespace
}  // namespace mesh

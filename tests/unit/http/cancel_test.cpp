// A cancelled request is never heard of again; neither is one whose client is gone.
#include "base/task_loop.hpp"
#include "http/client.hpp"
#include "pump.hpp"
#include "scripted_server.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <thread>

namespace mesh {
namespace {

using std::chrono::milliseconds;
using test::Peer;
using test::plain;
using test::Pump;
using test::ScriptedServer;

TEST_CASE("http: cancelling one request under way leaves the others alone") {
    ScriptedServer server([](Peer& peer, const Peer::Request& request) {
        if (request.line.find("/fast") != std::string::npos) return peer.answer("fast");
        peer.wait_for_close();
        return false;
    });
    const auto client = http::make_curl_client("mesh/test");
    Pump pump;
    bool slow_answered = false;
    bool fast_answered = false;
    const auto slow = client->send(
        plain(server.url("/slow")), pump, [&](Result<http::Response>) { slow_answered = true; });
    REQUIRE(pump.run_until([&] { return true; }));
    client->cancel(slow);
    client->send(plain(server.url("/fast")), pump, [&](Result<http::Response> result) {
        fast_answered = result.has_value();
    });
    CHECK(pump.run_until([&] { return fast_answered; }));
    CHECK_FALSE(slow_answered);
    client->cancel(slow);      // again: nothing happens
    client->cancel(slow + 7);  // never existed
}

TEST_CASE("http: an answer already queued is withdrawn by cancel") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) { return peer.answer("answer"); });
    const auto client = http::make_curl_client("mesh/test");
    Pump pump;
    bool answered = false;
    const auto id = client->send(
        plain(server.url("/")), pump, [&](Result<http::Response>) { answered = true; });
    REQUIRE(pump.wait_for_tasks(1));
    client->cancel(id);
    pump.run_until([] { return false; }, milliseconds{50});
    CHECK_FALSE(answered);
}

TEST_CASE("http: an answer already queued is withdrawn when the client goes") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) { return peer.answer("answer"); });
    Pump pump;
    bool answered = false;
    {
        const auto client = http::make_curl_client("mesh/test");
        client->send(
            plain(server.url("/")), pump, [&](Result<http::Response>) { answered = true; });
        REQUIRE(pump.wait_for_tasks(1));
    }
    pump.run_until([] { return false; }, milliseconds{50});
    CHECK_FALSE(answered);
}

TEST_CASE("http: what a completion owns is released by cancel and by destruction") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.wait_for_close();
        return false;
    });
    Pump pump;
    const auto owned = std::make_shared<int>(1);
    {
        const auto client = http::make_curl_client("mesh/test");
        const auto id =
            client->send(plain(server.url("/")), pump, [owned](Result<http::Response>) {});
        client->send(plain(server.url("/")), pump, [owned](Result<http::Response>) {});
        CHECK(owned.use_count() == 3);
        client->cancel(id);
        CHECK(owned.use_count() == 2);
    }
    CHECK(owned.use_count() == 1);
}

TEST_CASE("http: destroying the client does not wait for servers") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) {
        peer.wait_for_close();
        return false;
    });
    Pump pump;
    auto client = http::make_curl_client("mesh/test");
    for (int i = 0; i < 20; ++i) {
        client->send(plain(server.url("/")), pump, [](Result<http::Response>) {});
    }
    const auto begin = std::chrono::steady_clock::now();
    client.reset();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{10});
}

TEST_CASE("http: cancel racing with answers, on the executor's own thread") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) { return peer.answer("x"); });
    TaskLoop loop;
    std::thread thread([&] { loop.run(); });
    constexpr int rounds = 400;
    // Written and read on the loop's thread only.
    struct Book {
        std::vector<bool> cancelled = std::vector<bool>(rounds);
        int answered_after_cancel = 0;
    } book;
    std::atomic<int> settled = 0;  // until all are, tasks to come use the client
    {
        const auto client = http::make_curl_client("mesh/test");
        for (int round = 0; round < rounds; ++round) {
            const auto index = static_cast<std::size_t>(round);
            loop.post([&, index] {
                const auto id =
                    client->send(plain(server.url("/")), loop, [&, index](Result<http::Response>) {
                        if (book.cancelled[index]) ++book.answered_after_cancel;
                    });
                // Spread over the life of an exchange, which takes well below a millisecond.
                loop.post_after(milliseconds{index % 4}, [&, index, id] {
                    client->cancel(id);
                    book.cancelled[index] = true;
                    ++settled;
                });
            });
        }
        Pump idle;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (settled < rounds && std::chrono::steady_clock::now() < deadline) {
            idle.run_until([] { return false; }, milliseconds{5});
        }
        CHECK(settled == rounds);
    }
    loop.stop();
    thread.join();
    CHECK(book.answered_after_cancel == 0);
}

TEST_CASE("http: many threads send and cancel at once") {
    ScriptedServer server([](Peer& peer, const Peer::Request&) { return peer.answer("x"); });
    TaskLoop loop;
    std::thread thread([&] { loop.run(); });
    std::atomic<int> answered = 0;
    std::atomic<int> kept = 0;
    {
        const auto client = http::make_curl_client("mesh/test");
        std::vector<std::thread> senders;
        for (int sender = 0; sender < 4; ++sender) {
            senders.emplace_back([&] {
                for (int i = 0; i < 100; ++i) {
                    const auto id = client->send(
                        plain(server.url("/")), loop, [&](Result<http::Response>) { ++answered; });
                    if (i % 2 == 0) {
                        client->cancel(id);
                    } else {
                        ++kept;
                    }
                }
            });
        }
        for (std::thread& sender : senders) sender.join();
        Pump idle;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (answered < kept && std::chrono::steady_clock::now() < deadline) {
            idle.run_until([] { return false; }, milliseconds{5});
        }
        CHECK(answered >= kept);
    }
    loop.stop();
    thread.join();
}

}  // namespace
}  // namespace mesh

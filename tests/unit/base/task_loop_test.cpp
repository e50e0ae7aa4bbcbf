#include "base/task_loop.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using mesh::TaskLoop;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

TEST_CASE("task loop: runs tasks in the order they were posted", "[task_loop]") {
    TaskLoop loop;
    std::vector<int> ran;
    for (int i = 0; i < 100; ++i) loop.post([&ran, i] { ran.push_back(i); });
    loop.post([&loop] { loop.stop(); });
    loop.run();

    REQUIRE(ran.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("task loop: tasks may post tasks", "[task_loop]") {
    TaskLoop loop;
    int depth = 0;
    std::function<void()> again = [&] {
        if (++depth < 1000)
            loop.post(again);
        else
            loop.stop();
    };
    loop.post(again);
    loop.run();

    CHECK(depth == 1000);
}

TEST_CASE("task loop: timers run in order of time and never early", "[task_loop]") {
    TaskLoop loop;
    struct Due {
        steady_clock::time_point earliest;
        steady_clock::time_point latest;
    };
    std::vector<std::size_t> ran;
    std::vector<Due> due(4);
    bool early = false;
    const auto at = [&](std::size_t id, std::chrono::milliseconds delay) {
        due[id].earliest = steady_clock::now() + delay;
        loop.post_after(delay, [&, id] {
            early = early || steady_clock::now() < due[id].earliest;
            ran.push_back(id);
        });
        due[id].latest = steady_clock::now() + delay;
    };
    at(3, 30ms);
    at(1, 10ms);
    at(2, 20ms);
    at(0, 0ms);
    loop.post_after(40ms, [&loop] { loop.stop(); });
    loop.run();

    REQUIRE(ran.size() == 4);
    // By the times they got: this thread may have paused between two of them.
    for (std::size_t i = 1; i < ran.size(); ++i)
        CHECK(due[ran[i - 1]].earliest <= due[ran[i]].latest);
    CHECK_FALSE(early);
}

TEST_CASE("task loop: equal timers keep their order, negative ones are due", "[task_loop]") {
    TaskLoop loop;
    std::vector<int> ran;
    loop.post_after(-5s, [&ran] { ran.push_back(0); });
    for (int i = 1; i < 20; ++i) loop.post_after(0ms, [&ran, i] { ran.push_back(i); });
    loop.post_after(1ms, [&loop] { loop.stop(); });
    loop.run();

    REQUIRE(ran.size() == 20);
    CHECK(std::is_sorted(ran.begin(), ran.end()));
}

TEST_CASE("task loop: a timer fires although tasks never cease", "[task_loop]") {
    TaskLoop loop;
    std::function<void()> busy = [&] { loop.post(busy); };
    loop.post(busy);
    loop.post_after(5ms, [&loop] { loop.stop(); });

    loop.run();
    SUCCEED("the timer stopped the loop");
}

TEST_CASE("task loop: an endless delay is one, not an overflow", "[task_loop]") {
    TaskLoop loop;
    bool ran = false;
    loop.post_after(std::chrono::milliseconds::max(), [&ran] { ran = true; });
    loop.post_after(5ms, [&loop] { loop.stop(); });
    loop.run();

    CHECK_FALSE(ran);
}

TEST_CASE("task loop: a posted nothing is nothing", "[task_loop]") {
    TaskLoop loop;
    bool ran = false;
    loop.post({});
    loop.post_after(0ms, {});
    loop.post([&] {
        ran = true;
        loop.stop();
    });
    loop.run();

    CHECK(ran);
}

TEST_CASE("task loop: stop drops what is queued and what comes later", "[task_loop]") {
    TaskLoop loop;
    auto token = std::make_shared<int>(0);
    bool ran = false;
    loop.post([&loop] { loop.stop(); });
    loop.post([&ran, token] { ran = true; });
    loop.post_after(1ms, [&ran, token] { ran = true; });
    loop.run();

    CHECK_FALSE(ran);
    CHECK(token.use_count() == 1);
    loop.post([&ran, token] { ran = true; });
    loop.post_after(0ms, [&ran, token] { ran = true; });
    CHECK(token.use_count() == 1);
    loop.stop();
    loop.run();
    CHECK_FALSE(ran);
}

TEST_CASE("task loop: dropping a task may post another", "[task_loop]") {
    TaskLoop loop;
    const auto posting = [&loop] {
        return std::shared_ptr<int>(new int(0), [&loop](const int* value) {
            delete value;
            loop.post([] {});
        });
    };
    loop.post([&loop] { loop.stop(); });
    loop.post([held = posting()] {});
    loop.post_after(1h, [held = posting()] {});

    loop.run();
    SUCCEED("no deadlock");
}

TEST_CASE("task loop: takes tasks from other threads while it waits", "[task_loop]") {
    constexpr int threads = 4;
    constexpr int each = 1000;
    TaskLoop loop;
    std::vector<int> next(threads, 0);
    int total = 0;
    bool ordered = true;
    std::thread runner([&loop] { loop.run(); });
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t)
        posters.emplace_back([&, t] {
            for (int i = 0; i < each; ++i)
                loop.post([&, t, i] {
                    int& expected = next[static_cast<std::size_t>(t)];
                    ordered = ordered && i == expected;
                    ++expected;
                    if (++total == threads * each) loop.stop();
                });
        });
    for (std::thread& poster : posters) poster.join();
    runner.join();

    CHECK(ordered);
    CHECK(total == threads * each);
}

TEST_CASE("task loop: stop wakes a loop that waits for a far timer", "[task_loop]") {
    TaskLoop loop;
    loop.post_after(1h, [] {});
    std::atomic<bool> running = false;
    loop.post([&running] { running = true; });
    std::thread runner([&loop] { loop.run(); });
    while (!running) std::this_thread::yield();

    const auto begin = steady_clock::now();
    loop.stop();
    runner.join();
    CHECK(steady_clock::now() - begin < 10s);
}

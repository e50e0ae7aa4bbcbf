#include "app/reload.hpp"

#include "base/task_loop.hpp"
#include "support/catch.hpp"

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

using namespace mesh;
using namespace mesh::app;

namespace {

/// Readings that wait until they are let go; each has its number as its hash.
class Gate {
 public:
    FreshConfiguration read() {
        std::unique_lock lock(mutex_);
        const int number = ++begun_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return open_ >= number; });
        FreshConfiguration fresh;
        fresh.loaded.sha256 = std::to_string(number);
        return fresh;
    }
    void wait_begun(int count) {
        std::unique_lock lock(mutex_);
        REQUIRE(changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return begun_ >= count; }));
    }
    void open(int count) {
        const std::lock_guard lock(mutex_);
        open_ = count;
        changed_.notify_all();
    }
    int begun() {
        const std::lock_guard lock(mutex_);
        return begun_;
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int begun_ = 0;
    int open_ = 0;
};

NullLog no_log;

ReloadOutcome applied(const FreshConfiguration& fresh) {
    ReloadOutcome outcome;
    outcome.applied = true;
    outcome.summary = fresh.loaded.sha256;
    return outcome;
}

}  // namespace

TEST_CASE("reload: who asks during a reading gets the next one, and all of them share it") {
    TaskLoop loop;
    Gate gate;
    std::vector<std::string> told;
    Reload reload(
        loop, no_log, [&] { return [&] { return gate.read(); }; }, applied);
    const auto ask = [&] {
        reload.request([&](const ReloadOutcome& outcome) {
            told.push_back(outcome.summary);
            if (told.size() == 4) loop.stop();
        });
    };
    loop.post([&] {
        ask();
        gate.wait_begun(1);
        for (int i = 0; i < 3; ++i) ask();
        gate.open(2);
    });
    loop.run();

    CHECK(told == std::vector<std::string>{"1", "2", "2", "2"});
    CHECK(gate.begun() == 2);
}

TEST_CASE("reload: a reading that fails is a refusal") {
    TaskLoop loop;
    std::optional<ReloadOutcome> told;
    Reload reload(
        loop,
        no_log,
        [] {
            return []() -> FreshConfiguration { throw std::runtime_error("out of descriptors"); };
        },
        [](const FreshConfiguration& fresh) {
            ReloadOutcome outcome;
            outcome.applied = fresh.loaded.result.configuration.has_value();
            outcome.findings = fresh.loaded.result.findings;
            return outcome;
        });
    loop.post([&] {
        reload.request([&](const ReloadOutcome& outcome) {
            told = outcome;
            loop.stop();
        });
    });
    loop.run();

    REQUIRE(told.has_value());
    CHECK_FALSE(told->applied);
    REQUIRE(told->findings.size() == 1);
    CHECK_THAT(told->findings[0].message, ContainsSubstring("out of descriptors"));
}

TEST_CASE("reload: a disk that hangs does not hold up the end, and is not heard any more") {
    TaskLoop loop;
    const auto gate = std::make_shared<Gate>();
    bool told = false;
    {
        Reload reload(
            loop, no_log, [&] { return [gate] { return gate->read(); }; }, applied);
        loop.post([&] {
            reload.request([&](const ReloadOutcome&) { told = true; });
            gate->wait_begun(1);
            loop.stop();
        });
        loop.run();
        CHECK_FALSE(reload.end());
    }
    // Only now does the disk answer.
    gate->open(1);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (gate.use_count() > 1 && std::chrono::steady_clock::now() < until)
        std::this_thread::yield();

    CHECK(gate.use_count() == 1);
    loop.post([&] { loop.stop(); });
    loop.run();
    CHECK_FALSE(told);
}

TEST_CASE("reload: more than a hundred waiting are refused") {
    TaskLoop loop;
    Gate gate;
    std::size_t refused = 0;
    std::size_t done = 0;
    Reload reload(
        loop, no_log, [&] { return [&] { return gate.read(); }; }, applied);
    loop.post([&] {
        for (std::size_t i = 0; i < 1 + Reload::waiting_max + 5; ++i)
            reload.request([&](const ReloadOutcome& outcome) {
                if (!outcome.applied) ++refused;
                if (++done == 1 + Reload::waiting_max + 5) loop.stop();
            });
        CHECK(refused == 5);
        gate.open(2);
    });
    loop.run();

    CHECK(refused == 5);
}

TEST_CASE("reload: nobody waits for a reading that hangs, and it is applied when it ends") {
    TaskLoop loop;
    Gate gate;
    std::vector<std::string> told;
    std::vector<std::string> applications;
    Reload reload(
        loop,
        no_log,
        [&] { return [&] { return gate.read(); }; },
        [&](const FreshConfiguration& fresh) {
            applications.push_back(fresh.loaded.sha256);
            if (applications.size() == 2) loop.stop();
            return applied(fresh);
        },
        std::chrono::milliseconds{20});
    const auto ask = [&](const std::function<void()>& then) {
        reload.request([&, then](const ReloadOutcome& outcome) {
            CHECK_FALSE(outcome.applied);
            told.push_back(outcome.summary);
            then();
        });
    };
    loop.post([&] {
        ask([&] {
            CHECK(applications.empty());
            // Who asks now is told at once.
            ask([&] { gate.open(2); });
        });
    });
    loop.run();

    REQUIRE(told.size() == 2);
    CHECK_THAT(told[0], ContainsSubstring("does not answer"));
    CHECK(told[0] == told[1]);
    CHECK(applications == std::vector<std::string>{"1", "2"});
}

TEST_CASE("reload: who asked is told when applying throws, and the next reload works") {
    TaskLoop loop;
    Gate gate;
    gate.open(2);
    std::vector<bool> told;
    Reload reload(
        loop,
        no_log,
        [&] { return [&] { return gate.read(); }; },
        [&](const FreshConfiguration& fresh) {
            if (fresh.loaded.sha256 == "1") throw std::runtime_error("no descriptor is left");
            return applied(fresh);
        });
    const auto note = [&](const ReloadOutcome& outcome) { told.push_back(outcome.applied); };
    loop.post([&] {
        reload.request([&](const ReloadOutcome& outcome) {
            note(outcome);
            CHECK_THAT(outcome.summary, ContainsSubstring("no descriptor is left"));
            reload.request([&](const ReloadOutcome& next) {
                note(next);
                loop.stop();
            });
        });
    });
    loop.run();

    CHECK(told == std::vector<bool>{false, true});
}

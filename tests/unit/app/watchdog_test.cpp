#include "app/watchdog.hpp"

#include "support/catch.hpp"

#include <map>
#include <utility>
#include <vector>

using namespace mesh;
using namespace mesh::app;
using namespace std::chrono_literals;

namespace {

/// A control loop whose time is in the test's hands.
class Loop final : public Executor {
 public:
    void post(std::function<void()> task) override { post_after({}, std::move(task)); }
    void post_after(std::chrono::milliseconds delay, std::function<void()> task) override {
        tasks_.emplace(now_ + delay, std::move(task));
    }
    void advance(std::chrono::milliseconds time) {
        const auto until = now_ + time;
        while (!tasks_.empty() && tasks_.begin()->first <= until) {
            auto task = tasks_.extract(tasks_.begin());
            now_ = task.key();
            task.mapped()();
        }
        now_ = until;
    }

 private:
    std::chrono::milliseconds now_{0};
    std::multimap<std::chrono::milliseconds, std::function<void()>> tasks_;
};

struct Fixture {
    Loop loop;
    int fed = 0;
    std::vector<std::function<void()>> asked;  ///< workers that have not answered
    bool stuck = false;

    Watchdog::Ask ask() {
        return [this](std::function<void()> answered) {
            if (stuck)
                asked.push_back(std::move(answered));
            else
                answered();
        };
    }
};

}  // namespace

TEST_CASE("watchdog: is fed twice in its time while everything turns", "[watchdog]") {
    Fixture f;
    const Watchdog watchdog(f.loop, 30s, f.ask(), [&] { ++f.fed; });
    f.loop.advance(0s);
    CHECK(f.fed == 1);
    f.loop.advance(30s);
    CHECK(f.fed == 3);
}

TEST_CASE("watchdog: a worker that is stuck ends the feeding, and one that goes on resumes it",
          "[watchdog]") {
    Fixture f;
    const Watchdog watchdog(f.loop, 30s, f.ask(), [&] { ++f.fed; });
    f.loop.advance(1s);
    f.stuck = true;
    f.loop.advance(10min);
    CHECK(f.fed == 1);
    REQUIRE(f.asked.size() == 1);  // questions do not pile up at it
    f.stuck = false;
    f.asked.front()();
    f.loop.advance(30s);
    CHECK(f.fed >= 3);
}

TEST_CASE("watchdog: an answer after its end is nobody's", "[watchdog]") {
    Fixture f;
    f.stuck = true;
    {
        const Watchdog watchdog(f.loop, 30s, f.ask(), [&] { ++f.fed; });
    }
    f.asked.front()();
    f.loop.advance(1h);
    CHECK(f.fed == 0);
}

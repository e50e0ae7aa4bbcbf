// When a server is up or down, from what looks at it have found.
#include "proxy/health_verdict.hpp"

#include "support/catch.hpp"

#include <set>

using namespace mesh;
using proxy::HealthVerdict;

namespace {

using std::chrono::milliseconds;

model::HealthCheck ten_seconds() {
    model::HealthCheck check;
    check.unhealthy_interval = milliseconds(20'000);
    return check;
}

}  // namespace

TEST_CASE("health verdict: the first answer decides alone, to each question", "[health]") {
    HealthVerdict verdict;
    CHECK_FALSE(verdict.is_down());
    CHECK(verdict.note(false));
    CHECK(verdict.is_down());
    verdict.ask_anew();
    CHECK(verdict.is_down());
    CHECK(verdict.note(true));
    CHECK_FALSE(verdict.is_down());
}

TEST_CASE("health verdict: after it three failures in a row, and two successes", "[health]") {
    HealthVerdict verdict;
    CHECK_FALSE(verdict.note(true));
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(verdict.note(false));
        CHECK_FALSE(verdict.note(false));
        CHECK_FALSE(verdict.note(true));
    }
    CHECK_FALSE(verdict.note(false));
    CHECK_FALSE(verdict.note(false));
    CHECK(verdict.note(false));
    CHECK_FALSE(verdict.note(true));
    CHECK_FALSE(verdict.note(false));
    CHECK_FALSE(verdict.note(true));
    CHECK(verdict.note(true));
    // What contradicted the verdict on another question is no part of this one.
    CHECK_FALSE(verdict.note(false));
    CHECK_FALSE(verdict.note(false));
    verdict.ask_anew();
    CHECK_FALSE(verdict.note(true));
    CHECK_FALSE(verdict.note(false));
    CHECK_FALSE(verdict.note(false));
}

TEST_CASE("health verdict: doubts are settled soon", "[health]") {
    HealthVerdict verdict;
    const model::HealthCheck check = ten_seconds();
    model::HealthCheck hasty = check;
    hasty.interval = milliseconds(200);
    CHECK(verdict.pause(check, 7) == milliseconds(1'000));  // nothing is known
    (void)verdict.note(true);
    (void)verdict.note(true);
    CHECK(verdict.pause(check, 7) == milliseconds(10'000));
    (void)verdict.note(false);
    CHECK(verdict.pause(check, 7) == milliseconds(1'000));
    CHECK(verdict.pause(hasty, 7) == milliseconds(200));
    (void)verdict.note(false);
    REQUIRE(verdict.note(false));
    CHECK(verdict.pause(check, 7) == milliseconds(20'000));
    (void)verdict.note(true);
    CHECK(verdict.pause(check, 7) == milliseconds(1'000));
}

TEST_CASE("health verdict: the second look comes after a part of the interval", "[health]") {
    HealthVerdict verdict;
    const model::HealthCheck check = ten_seconds();
    (void)verdict.note(true);
    std::set<milliseconds> pauses;
    for (std::uint64_t random = 0; random < 30'000; random += 1'000) {
        const milliseconds pause = verdict.pause(check, random);
        CHECK(pause > milliseconds(0));
        CHECK(pause <= milliseconds(10'000));
        pauses.insert(pause);
    }
    CHECK(pauses.size() == 10);
}

#include "base/clock.hpp"

#include "support/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("manual clock: both clocks move when told, and only then", "[clock]") {
    mesh::ManualClock clock(mesh::WallTime{1000ms});
    const auto steady = clock.steady_now();

    CHECK(clock.now() == mesh::WallTime{1000ms});
    clock.advance(250ms);
    CHECK(clock.now() == mesh::WallTime{1250ms});
    CHECK(clock.steady_now() - steady == 250ms);
}

TEST_CASE("manual clock: setting the date does not move steady time", "[clock]") {
    mesh::ManualClock clock(mesh::WallTime{1000ms});
    const auto steady = clock.steady_now();

    clock.set_wall(mesh::WallTime{5ms});
    CHECK(clock.now() == mesh::WallTime{5ms});
    CHECK(clock.steady_now() == steady);
}

TEST_CASE("system clock: tells the time of the system", "[clock]") {
    const mesh::SystemClock clock;
    const auto before = std::chrono::system_clock::now();
    const auto now = clock.now();
    const auto after = std::chrono::system_clock::now();

    CHECK(now >= std::chrono::floor<std::chrono::milliseconds>(before));
    CHECK(now <= after);

    const auto steady_before = clock.steady_now();
    const auto steady_after = clock.steady_now();
    CHECK(steady_before <= steady_after);
}

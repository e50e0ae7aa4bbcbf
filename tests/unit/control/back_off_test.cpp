#include "control/back_off.hpp"

#include "support/catch.hpp"
#include "unit/control/support/facts.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;
using std::chrono::milliseconds;

namespace {

const WallTime beginning = at("2026-01-01T00:00:00Z");

bool within_20_percent(milliseconds wait, milliseconds expected) {
    return wait >= expected - expected / 5 && wait <= expected + expected / 5;
}

}  // namespace

TEST_CASE("back-off: 1, 10, 100 minutes, then a day, or six hours without a certificate") {
    Jitter jitter{7};
    for (int round = 0; round < 100; ++round) {
        CHECK(within_20_percent(back_off_wait(1, true, jitter), 1min));
        CHECK(within_20_percent(back_off_wait(2, true, jitter), 10min));
        CHECK(within_20_percent(back_off_wait(3, true, jitter), 100min));
        CHECK(within_20_percent(back_off_wait(4, true, jitter), 24h));
        CHECK(within_20_percent(back_off_wait(4'000'000'000U, true, jitter), 24h));
        CHECK(within_20_percent(back_off_wait(1, false, jitter), 1min));
        CHECK(within_20_percent(back_off_wait(4, false, jitter), 6h));
        CHECK(back_off_wait(9, true, jitter) <= longest_back_off());
    }
}

TEST_CASE("back-off: waits differ, so that names that failed together do not come together") {
    Jitter jitter{7};
    CHECK(back_off_wait(3, true, jitter) != back_off_wait(3, true, jitter));
}

TEST_CASE("back-off: probes start after 5 s and double to 5 minutes") {
    Jitter jitter{7};
    CHECK(within_20_percent(probe_wait(1, jitter), 5s));
    CHECK(within_20_percent(probe_wait(2, jitter), 10s));
    CHECK(within_20_percent(probe_wait(6, jitter), 160s));
    CHECK(within_20_percent(probe_wait(7, jitter), 300s));
    CHECK(within_20_percent(probe_wait(4'000'000'000U, jitter), 300s));
}

TEST_CASE("back-off: a valid certificate bounds every wait of ours by what is left of it") {
    const auto version = a_version(beginning, 60s);

    CHECK(longest_wait(version, beginning + 40s) == milliseconds{5s});
    CHECK(longest_wait(version, beginning + 59'900ms) == milliseconds{600});
    CHECK_FALSE(longest_wait(version, beginning + 60s).has_value());
    CHECK_FALSE(longest_wait(std::nullopt, beginning).has_value());
}

TEST_CASE("back-off: the next attempt of a short-lived certificate comes while it still lives") {
    Jitter jitter{7};
    const auto version = a_version(beginning, 60s);
    const WallTime now = beginning + 30s;

    CHECK(next_attempt(4, version, std::nullopt, now, jitter) == now + 7'500ms);
}

TEST_CASE("back-off: the CA's Retry-After is never shortened") {
    Jitter jitter{7};
    const auto version = a_version(beginning, 60s);
    const WallTime now = beginning + 30s;

    CHECK(next_attempt(1, version, now + 2h, now, jitter) == now + 2h);
    CHECK(next_attempt(1, std::nullopt, now + 1s, now, jitter) >= now + 48s);
}

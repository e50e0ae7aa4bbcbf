#include "control/schedule.hpp"

#include "support/catch.hpp"
#include "unit/control/support/facts.hpp"

#include <set>

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

const WallTime start = at("2026-01-01T00:00:00Z");

/// The share of its lifetime a certificate is renewed at.
double renewal_share(std::chrono::milliseconds life, const std::string& serial) {
    const auto version = a_version(start, life, serial);
    const auto waited = renewal_time(version) - version.not_before;
    return static_cast<double>(waited.count()) / static_cast<double>(life.count());
}

}  // namespace

TEST_CASE("schedule: renewal is at two thirds of the real lifetime, give or take 2 %") {
    for (const auto life : {days{10}, days{47}, days{90}, days{398}}) {
        for (int i = 0; i < 200; ++i) {
            const double share = renewal_share(life, std::to_string(i));
            CAPTURE(life.count(), i, share);
            CHECK(share > 2.0 / 3 - 0.0201);
            CHECK(share < 2.0 / 3 + 0.0201);
        }
    }
}

TEST_CASE("schedule: below ten days renewal is at the middle, down to seconds") {
    for (const std::chrono::milliseconds life : {std::chrono::milliseconds{60s},
                                                 std::chrono::milliseconds{1h},
                                                 std::chrono::milliseconds{days{6}},
                                                 std::chrono::milliseconds{days{10}} - 1ms}) {
        for (int i = 0; i < 200; ++i) {
            const double share = renewal_share(life, std::to_string(i));
            CAPTURE(life.count(), i, share);
            CHECK(share > 0.4799);
            CHECK(share < 0.5201);
        }
    }
}

TEST_CASE("schedule: a version is due at the same instant after every restart") {
    CHECK(renewal_time(a_version(start, days{90}, "0a1b")) ==
          renewal_time(a_version(start, days{90}, "0a1b")));
}

TEST_CASE("schedule: certificates issued in one second are due on different minutes") {
    std::set<std::chrono::sys_time<std::chrono::minutes>> minutes;
    for (int i = 0; i < 1'000; ++i) {
        const auto version = a_version(start, days{90}, std::to_string(i));
        minutes.insert(std::chrono::floor<std::chrono::minutes>(renewal_time(version)));
    }
    CHECK(minutes.size() > 850);  // of 5,184 minutes
}

TEST_CASE("schedule: a certificate dated back is not due as soon as it comes") {
    auto version = a_version(start - 1h, 1h + 60s);
    version.created = start;

    CHECK(renewal_time(version) >= start + 28s);
    CHECK(renewal_time(version) < version.not_after);
}

TEST_CASE("schedule: an imported certificate past its middle is due at once") {
    auto version = a_version(start - days{80}, days{90});
    version.source = "import";
    version.created = start;

    CHECK(renewal_time(version) < start);
}

TEST_CASE("schedule: a stored wait holds for orders and renewals alike") {
    store::CertificateRecord record;
    record.next_at = start + 10min;

    CHECK(due_time(record, std::nullopt, false, start) == start + 10min);
    CHECK(due_time(record, a_version(start - days{80}, days{90}), false, start) == start + 10min);
    CHECK(due_time(record, a_version(start - days{80}, days{90}), true, start) == start + 10min);
}

TEST_CASE("schedule: a wish for a renewal makes it due at once, but not one that came true") {
    store::CertificateRecord record;
    auto version = a_version(start - days{1}, days{90});
    version.created = start - 1h;
    record.renewal_asked = start;
    CHECK(due_time(record, version, false, start) == start);
    record.next_at = start + 10min;
    CHECK(due_time(record, version, false, start) == start + 10min);
    record.next_at.reset();
    version.created = start + 1h;  // by an older mesh, which does not know of wishes
    CHECK(due_time(record, version, false, start + 2h) == renewal_time(version));
}

TEST_CASE("schedule: without a stored wait, missing and expired certificates are due now") {
    const store::CertificateRecord record;

    CHECK(due_time(record, std::nullopt, false, start) == start);
    CHECK(due_time(record, a_version(start - days{90}, days{90}), false, start) == start);
    CHECK(due_time(record, a_version(start, days{90}), true, start) == start);
    const auto fresh = a_version(start, days{90});
    CHECK(due_time(record, fresh, false, start) == renewal_time(fresh));
}

TEST_CASE("schedule: unwanted certificates go 30 days after they expired") {
    store::CertificateRecord record;
    CHECK_FALSE(deletion_time(record, a_version(start, days{90})).has_value());

    record.unwanted_since = start + days{10};
    CHECK(deletion_time(record, a_version(start, days{90})) == start + days{120});
    CHECK(deletion_time(record, std::nullopt) == start + days{40});
    CHECK(deletion_time(record, a_version(start - days{90}, days{90})) == start + days{40});
}

TEST_CASE("schedule: a certificate near its end is spoken of daily, then every six hours") {
    const auto version = a_version(start, days{100});

    CHECK(expiry_level(version, start + days{80}) == ExpiryLevel::none);
    CHECK(expiry_level(version, start + days{80} + 1ms) == ExpiryLevel::warn);
    CHECK(expiry_level(version, start + days{90} + 1ms) == ExpiryLevel::error);
    CHECK(expiry_level(version, start + days{101}) == ExpiryLevel::error);

    CHECK(next_expiry_notice(version, start) == start + days{80} + 1ms);
    CHECK(next_expiry_notice(version, start + days{81}) == start + days{82});
    CHECK(next_expiry_notice(version, start + days{89} + 12h) == start + days{90} + 1ms);
    CHECK(next_expiry_notice(version, start + days{95}) == start + days{95} + 6h);
}

TEST_CASE(
    "schedule: dates in the wrong order are an error as soon as the end is past, not a circle") {
    auto version = a_version(start, days{90});
    version.not_after = start - days{90};

    for (const auto now : {start - days{100}, start - days{90}, start, start + days{400}}) {
        CAPTURE(now.time_since_epoch().count());
        CHECK(next_expiry_notice(version, now) > now);
        CHECK((expiry_level(version, now) == ExpiryLevel::error) == (now >= version.not_after));
    }
    CHECK(next_expiry_notice(version, start) == start + 6h);
}

// A year and a week of a bad CA, in seconds.
#include "fault/support/simulation.hpp"

#include "support/catch.hpp"

#include <iostream>

using namespace mesh;
using namespace mesh::fault;

namespace {

/// `count` lifetimes from `shortest` to `longest`, in equal steps.
std::vector<std::chrono::milliseconds> spread(int count,
                                              std::chrono::milliseconds shortest,
                                              std::chrono::milliseconds longest) {
    std::vector<std::chrono::milliseconds> result;
    for (int i = 0; i < count; ++i)
        result.push_back(shortest + (longest - shortest) * i / (count - 1));
    return result;
}

void check(const Plan& plan, const char* name) {
    const Outcome outcome = simulate(plan);
    std::cout << name << ", seed " << plan.seed << ": " << outcome << "\n";
    for (const std::string& gap : outcome.avoidable) UNSCOPED_INFO(gap);
    CHECK(outcome.avoidable.empty());
    // A fault may cost an order, a retry of it may cost another; nothing runs in a circle.
    CHECK(outcome.orders <= outcome.needed + outcome.faults);
    CHECK(outcome.needed > plan.lifetimes.size());
}

Plan year(std::uint64_t seed) {
    return {spread(190, days{6}, days{398}), days{365}, days{6}, 0.02, seed};
}

Plan week(std::uint64_t seed) {
    return {spread(10, 10min, days{1}), days{7}, 20h, 0.02, seed};
}

}  // namespace

TEST_CASE("simulation: six weeks of a few certificates, as a first look", "[simulation][brief]") {
    check({spread(10, days{6}, days{20}), days{42}, days{4}, 0.02, 1}, "six weeks");
    check({spread(3, 1h, days{1}), days{3}, 20h, 0.02, 1}, "three days");
}

TEST_CASE("simulation: a year of 190 certificates of 6 to 398 days, none lost that could be saved",
          "[simulation][year]") {
    check(year(1), "year");
}

TEST_CASE("simulation: a week of ten certificates of 10 minutes to a day, likewise",
          "[simulation][week]") {
    check(week(1), "week");
}

TEST_CASE("simulation: other years and weeks", "[.][many-seeds]") {
    for (std::uint64_t seed = 2; seed <= 6; ++seed) {
        check(year(seed), "year");
        check(week(seed), "week");
    }
}

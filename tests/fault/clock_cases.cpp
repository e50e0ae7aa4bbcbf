// G: whose clock is wrong.
#include "fault/support/site.hpp"
#include "support/catch.hpp"

using namespace mesh;
using namespace mesh::fault;

TEST_CASE("G90: an hour off the CA's clock is worth a warning, a day or ten years stop orders") {
    struct Case {
        std::chrono::milliseconds ahead;
        bool orders;
    };
    const Case c = GENERATE(Case{1min, true},
                            Case{1h, true},
                            Case{-1h, true},
                            Case{25h, false},
                            Case{-25h, false},
                            Case{days{3652}, false});
    CAPTURE(c.ahead.count());
    Site site;
    site.add({"a.example"});
    site.ca.manners.clock_ahead = c.ahead;
    site.start();
    site.run_for(30min);

    CHECK(site.all_live() == c.orders);
    CHECK(site.log.count("clock_wrong") == (c.orders ? 0 : 1));
    CHECK(site.log.count("clock_suspicious") == (std::chrono::abs(c.ahead) == 1h ? 1 : 0));
    if (c.orders) return;
    CHECK(site.ca.seen.asked[Step::new_order] == 0);
    site.ca.manners.clock_ahead = 0ms;
    CHECK(site.run_until_live(10min));
    CHECK(site.log.count("clock_right") == 1);
}

TEST_CASE("G91: after three weeks asleep what came due is renewed once, without a storm") {
    Site site;
    site.ca.manners.lifetime = days{60};
    for (int i = 0; i < 20; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    site.run_for(days{25});
    site.clock.set_wall(site.clock.now() + days{21});

    REQUIRE(site.run_until([&] { return site.ca.seen.issued == 40; }, 10min));
    site.run_for(1h);
    CHECK(site.ca.seen.orders_made == 40);
    CHECK(site.in_flight_max() <= 8);
    CHECK(site.log.count("order_failed") == 0);
}

// What many orders that wait for a CA cost.
#include "fault/support/site.hpp"
#include "support/catch.hpp"

#include <filesystem>
#include <iostream>
#include <thread>

using namespace mesh;
using namespace mesh::fault;

namespace {

std::size_t threads() {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// Whose orders began, in that order. (They may arrive at the CA in another: one has to fetch a
/// nonce first, and their connections are several.)
std::vector<std::string> started(const control::test::RecordingLog& log) {
    std::vector<std::string> names;
    for (const auto& line : log.lines)
        if (line.event == "order_started") names.push_back(line.fields.at("names"));
    return names;
}

}  // namespace

TEST_CASE(
    "B37: 500 orders in processing add no thread, hold no request and do not hold up an end") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr std::size_t orders = 100;  // each takes a tenth of a second
#else
    constexpr std::size_t orders = 500;
#endif
    Site site;
    site.ca.manners.polls_until_issued = Manners::never;
    site.ca.manners.retry_after = "600";
    site.add({"first.example"});
    site.start();
    REQUIRE(site.run_until([&] { return site.ca.seen.finalized == 1; }, 1h));
    const std::size_t threads_before = threads();
    for (std::size_t i = 1; i < orders; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.want();
    REQUIRE(site.run_until([&] { return site.ca.seen.finalized == orders; }, 1h));
    site.run_for(1s);

    // One that looked a name up may be on its way out.
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (threads() > threads_before && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(1ms);
    CHECK(threads() <= threads_before);
    CHECK(site.in_flight_max() <= 8);
    CHECK(site.in_flight() == 0);
    CHECK(site.store->orders().value().size() == orders);
    const auto begin = std::chrono::steady_clock::now();
    site.kill();
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took < 10s);  // an exchange that were waited for would take 30 s
    std::cout << orders << " orders in processing: " << threads_before << " threads before, "
              << "stopped in "
              << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";

    site.ca.manners.polls_until_issued = 0;
    site.start();
    REQUIRE(site.run_until([&] { return site.publisher->served.size() == orders; }, 1h));
    CHECK(site.ca.seen.orders_made == orders);
    CHECK(site.ca.seen.asked[Step::finalize] == orders);
}

TEST_CASE("A13: after three hours away the first order starts within a probe, most urgent first") {
    constexpr int certificates = 40;
    Site site;
    // Each lives a minute longer than the one before.
    std::vector<std::string> names;
    for (int i = 0; i < certificates; ++i) {
        names.push_back("n" + std::to_string(i) + ".example");
        site.ca.manners.lifetime = days{2} + i * 1min;
        site.add({names.back()});
        if (i == 0)
            site.start();
        else
            site.want();
        REQUIRE(site.run_until_live(1min));
    }
    // All are due while the CA is away: at the middle of their life ± 2 %, which is an hour.
    site.run_for(days{1} - 80min);
    REQUIRE(site.ca.seen.orders_made == certificates);
    site.log.lines.clear();
    site.ca.down = true;
    site.run_for(3h);
    REQUIRE(site.ca.seen.orders_made == certificates);
    site.ca.seen.placed.clear();
    // Whoever met the outage has begun: the row is written before the CA is asked.
    for (const std::string& begun : started(site.log)) std::erase(names, begun);
    site.log.lines.clear();
    site.ca.down = false;
    const WallTime back = site.clock.now();

    REQUIRE(site.run_until([&] { return !site.ca.seen.placed.empty(); }, 10min));
    const auto first = site.clock.now() - back;
    REQUIRE(site.run_until([&] { return site.ca.seen.issued == 2 * certificates; }, 30min));
    const auto last = site.clock.now() - back;

    CHECK(first <= 6min);  // five minutes, give or take a fifth
    CHECK(site.in_flight_max() <= 8);
    CHECK(names.size() >= certificates - 8);
    CHECK(started(site.log) == names);
    std::cout << "back after 3 h: first order after " << first.count() / 1000 << " s, all "
              << certificates << " renewed after " << last.count() / 1000
              << " s, most requests in flight " << site.in_flight_max() << "\n";
}

TEST_CASE("A13: a certificate that falls due while the CA is probed shortens the wait for all") {
    const std::chrono::milliseconds life = GENERATE(22min, 24min, 26min, 28min, 30min, 32min);
    CAPTURE(life.count());
    Site site{Way::direct};
    site.ca.manners.lifetime = life;
    site.add({"short.example"});
    site.start();
    REQUIRE(site.run_until_live(10s));
    std::vector<WallTime> probes;
    site.ca.script.on_all().by([&](const Asked&, const Execute&) {
        probes.push_back(site.clock.now());
        return web_page(503);
    });
    site.add({"missing.example"});  // it has no life left that would bound its wait
    site.want();
    const WallTime due = site.clock.now() + life * 52 / 100;
    site.run_for(life - 1min);

    for (std::size_t i = 1; i < probes.size(); ++i)
        if (probes[i] > due)
            CHECK(probes[i] - std::max(probes[i - 1], due) <= life * 13 / 100 + 1s);
}

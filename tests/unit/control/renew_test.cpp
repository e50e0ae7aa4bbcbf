#include "control/schedule.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;
using std::chrono::milliseconds;

namespace {

// Every half minute of virtual time costs work: with a sanitizer less of it, and of everything.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned days_of_a_year = 130;  // two renewals of 90 days
constexpr unsigned hours_of_a_week = 48;
constexpr unsigned minutes_of_two_hours = 40;
constexpr std::size_t due_at_once = 2'000;
#else
constexpr unsigned days_of_a_year = 365;
constexpr unsigned hours_of_a_week = 168;
constexpr unsigned minutes_of_two_hours = 120;
constexpr std::size_t due_at_once = 10'000;
#endif

/// Lets `span` pass in steps and counts the steps in which the name was not served.
std::size_t outages(World& world, const std::string& name, milliseconds span, milliseconds step) {
    std::size_t count = 0;
    for (milliseconds passed{0}; passed < span; passed += step) {
        world.run_for(step);
        if (!world.live(name)) ++count;
    }
    return count;
}

/// From here on the CA issues for six days, and what it sent at the renewal was not used: what is
/// served has a month left.
void refuse_shorter(World& world) {
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.ca.lifetime = days{6};
    REQUIRE(world.run_until([&] { return world.ca.issued == 2; }, days{65}));
    world.run_for(1min);
    REQUIRE(world.store.find("a.example")->record.last_error->type == "mesh:shorter");
}

RenewRequest by_name(const std::string& name) {
    RenewRequest request;
    request.names.push_back(HostPattern::parse(name).value());
    return request;
}

}  // namespace

TEST_CASE("renew: a year of 90-day certificates without a gap") {
    World world;
    world.add({"a.example", "www.a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(outages(world, "a.example", days{days_of_a_year}, 1h) == 0);

    CHECK(world.ca.orders_made >= days_of_a_year / 60);
    CHECK(world.ca.orders_made <= days_of_a_year / 60 + 1);
    CHECK(world.log.count("order_failed") == 0);
    CHECK(world.log.count("cert_expiring") == 0);
}

TEST_CASE("renew: a year of six-day certificates without a gap") {
    World world;
    world.ca.lifetime = days{6};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(outages(world, "a.example", days{days_of_a_year}, 1h) == 0);

    CHECK(world.ca.orders_made > days_of_a_year / 3 - 5);
    CHECK(world.ca.orders_made < days_of_a_year / 3 + 5);
}

TEST_CASE("renew: a week of one-hour certificates, dated back by an hour, without a gap") {
    World world;
    world.ca.lifetime = 1h;
    world.ca.backdated = 1h;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(outages(world, "a.example", std::chrono::hours{hours_of_a_week}, 1min) == 0);

    CHECK(world.ca.orders_made > hours_of_a_week * 2 * 95 / 100);
    CHECK(world.ca.orders_made < hours_of_a_week * 2 * 107 / 100);
}

TEST_CASE("renew: a year of one-hour certificates without a gap", "[.][long]") {
    World world;
    world.ca.lifetime = 1h;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(outages(world, "a.example", days{365}, 1min) == 0);

    CHECK(world.ca.orders_made > 17'000);
    CHECK(world.ca.orders_made < 18'000);
}

TEST_CASE("renew: certificates of a minute are renewed at half their life, for ever") {
    World world;
    world.ca.lifetime = 60s;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    CHECK(outages(world, "a.example", std::chrono::minutes{minutes_of_two_hours}, 1s) == 0);

    CHECK(world.ca.orders_made > minutes_of_two_hours * 2 * 23 / 24);
    CHECK(world.ca.orders_made < minutes_of_two_hours * 2 * 25 / 24);
}

TEST_CASE("renew: each issue has a fresh key and keeps the version before it") {
    World world;
    world.ca.lifetime = days{6};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const auto first = world.store.find("a.example")->version_id;
    const auto first_key = world.store.version(first).value().key_pem;

    REQUIRE(world.run_until([&] { return world.store.find("a.example")->version_id != first; },
                            days{6}));

    const auto second = world.store.find("a.example")->version_id;
    CHECK_FALSE(world.store.version(second).value().key_pem == first_key);
    CHECK(world.store.version(first).has_value());
    CHECK(world.publisher->served.size() == 1);
}

TEST_CASE("renew: key type and profile change with the next renewal, not before") {
    World world;
    world.ca.lifetime = days{9};
    world.ca.profiles = {"shortlived"};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));

    world.wanted.certificates[0].key_type = model::KeyType::ec384;
    world.wanted.certificates[0].profile = "shortlived";
    world.want();
    world.run_for(days{4});
    CHECK(world.ca.orders_made == 1);
    world.run_for(days{1});

    CHECK(world.ca.orders_made == 2);
    CHECK(world.store.find("a.example")->version->key_type == "EC384");
    CHECK(world.store.find("a.example")->version->profile == "shortlived");
}

TEST_CASE("renew: thousands of certificates due in one minute do not come in one minute") {
    World world;
    world.ca.latency = 1ms;
    store::Transition rows;
    for (std::size_t i = 0; i < due_at_once; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        world.add({name});
        store::CertificateRecord record;
        record.key = {directory, {name}};
        record.ordered_names = {name};
        rows.push_back(store::PutCertificate{record});
        auto version = a_version(world.clock.now(), days{90}, std::to_string(i));
        rows.push_back(store::PutVersion{record.key, {}, {}, version});
    }
    world.store.apply(rows, world.executor, [](auto) {});
    world.executor.settle();
    std::map<long, std::size_t> per_hour;

    // Nothing is served here: what is looked at is when the CA is asked.
    ReconcilerSettings settings;
    settings.make_client = [&](const auto&) { return world.ca.make_client(); };
    world.ca.refuse = [&](Step step, const std::vector<std::string>&) {
        std::optional<acme::Failure> none;
        if (step != Step::place) return none;
        ++per_hour
            [std::chrono::floor<std::chrono::hours>(world.clock.now()).time_since_epoch().count()];
        none = a_failure(acme::FailureClass::rate_limited,
                         "rateLimited",
                         "too many certificates already issued for this exact set");
        none->retry_at = world.clock.now() + 24h;
        return none;
    };
    Reconciler reconciler{
        settings, world.store, *world.publisher, world.executor, world.clock, world.log};
    REQUIRE(reconciler.load().has_value());
    reconciler.want(world.wanted, world.resolvers);
    world.run_for(days{57});
    CHECK(per_hour.empty());
    world.run_for(days{5});

    std::size_t most = 0;
    for (const auto& [hour, requests] : per_hour) most = std::max(most, requests);
    // Over 3.6 days they are 1.2 % an hour, retries come on top.
    CHECK(most < due_at_once * 15 / 100);
    CHECK(per_hour.size() > 80);
}

TEST_CASE("renew: ten thousand missing at once do not hold up the loop") {
    const auto longest_task = [] {
        World world;
        for (int i = 0; i < 10'000; ++i) world.add({"n" + std::to_string(i) + ".example"});
        world.start();

        REQUIRE(world.run_until([&] { return world.ca.issued >= 100; }, 1h));

        CHECK(world.ca.in_flight_max <= 8);
        CHECK(world.store.orders().value().size() <= 1'000);
        return world.executor.longest_task();
    };
    auto longest = longest_task();
    // A virtual machine that stands still lets a task's time go on; it does not do so at once
    // again.
    if (longest >= 500ms) longest = longest_task();
    CHECK(longest < 500ms);
}

TEST_CASE("renew: of many due at once, those without a certificate and the oldest go first") {
    World world;
    const auto stored = [&](const std::string& name, milliseconds left) {
        world.add({name});
        store::CertificateRecord record;
        record.key = {directory, {name}};
        record.ordered_names = {name};
        auto version = a_version(world.clock.now() + left - days{90}, days{90}, name);
        version.source = "import";
        world.store.apply(
            {store::PutCertificate{record}, store::PutVersion{record.key, {}, {}, version}},
            world.executor,
            [](auto) {});
    };
    stored("ten.example", days{10});
    stored("two.example", days{2});
    stored("expired.example", -days{1});
    stored("five.example", days{5});
    world.add({"missing.example"});
    world.executor.settle();
    std::vector<std::string> order;
    world.ca.refuse = [&](Step step, const std::vector<std::string>& names) {
        if (step == Step::place) order.push_back(names.front());
        return std::optional<acme::Failure>{};
    };
    ReconcilerSettings settings;
    settings.make_client = [&](const auto&) { return world.ca.make_client(); };
    settings.open_orders_max = 1;
    Reconciler reconciler{
        settings, world.store, *world.publisher, world.executor, world.clock, world.log};
    REQUIRE(reconciler.load().has_value());
    reconciler.want(world.wanted, world.resolvers);

    world.run_for(5min);

    REQUIRE(order.size() == 5);
    CHECK(std::set<std::string>{order[0], order[1]} ==
          std::set<std::string>{"expired.example", "missing.example"});
    CHECK(std::vector<std::string>(order.begin() + 2, order.end()) ==
          std::vector<std::string>{"two.example", "five.example", "ten.example"});
}

TEST_CASE("renew: what lives shorter does not replace what is served, unless a person asked") {
    World world;
    refuse_shorter(world);
    const auto kept = world.store.find("a.example")->version_id;
    RenewRequest failed;
    failed.failed = true;
    CHECK(world.reconciler->renew(failed).empty());  // nothing failed
    world.run_for(1h);
    CHECK(world.ca.issued == 2);
    CHECK(world.store.find("a.example")->version_id == kept);

    REQUIRE(world.reconciler->renew(by_name("a.example")).size() == 1);

    REQUIRE(world.run_until([&] { return world.ca.issued == 3; }, 1min));
    world.run_for(1min);
    CHECK(world.store.find("a.example")->version_id != kept);
    CHECK(world.publisher->find("a.example")->entry->not_after <= world.clock.now() + days{6});
    CHECK_FALSE(world.store.find("a.example")->record.last_error.has_value());
}

TEST_CASE("renew: a shorter life is not asked for again after a restart, and the reason is shown") {
    World world;
    refuse_shorter(world);
    const WallTime ends = world.store.find("a.example")->version->not_after;
    const auto shown = [&] { return world.reconciler->lines({}).lines.at(0); };
    CHECK(*shown().next_at > ends - days{4});
    CHECK_THAT(shown().why, ContainsSubstring("shorter"));

    world.kill();
    world.start();

    CHECK(*shown().next_at > ends - days{4});
    CHECK_THAT(shown().why, ContainsSubstring("shorter"));
    CHECK(outages(world, "a.example", days{20}, 1h) == 0);
    CHECK(world.ca.issued == 2);
    CHECK(world.run_until([&] { return world.ca.issued == 3; }, days{10}));
}

TEST_CASE("renew: a certificate that is lost is ordered at once, whatever was worth waiting for") {
    World world;
    refuse_shorter(world);
    const store::StoredCertificate lost = *world.store.find("a.example");

    world.reconciler->order_again(lost.certificate_id, lost.version_id);

    CHECK(world.run_until([&] { return world.ca.issued == 3; }, 1min));
    world.run_for(1min);
    CHECK(world.store.find("a.example")->version_id != lost.version_id);
}

TEST_CASE("renew: lost while its renewal is under way, it counts as missing if that fails") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    const store::StoredCertificate lost = *world.store.find("a.example");
    world.ca.fails_validation = [](const std::string&) { return std::optional(acme::Problem{}); };
    world.ca.latency = 1s;
    REQUIRE(world.reconciler->renew(by_name("a.example")).size() == 1);
    REQUIRE(world.run_until([&] { return world.ca.orders_made == 2; }, 1min));

    world.reconciler->order_again(lost.certificate_id, lost.version_id);

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 1min));
    CHECK(world.log.count("certificate_lost") == 1);
    world.ca.fails_validation = {};
    CHECK(world.run_until([&] { return world.ca.issued == 2; }, 2min));
}

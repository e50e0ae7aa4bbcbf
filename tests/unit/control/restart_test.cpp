// kill -9 at every commit of an order.
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

/// Runs until the n-th commit from now and kills the process before it hears of it.
bool killed_at_commit(World& world, std::size_t n) {
    const std::size_t last = world.store.transitions + n;
    const bool reached =
        world.run_until([&] { return world.store.transitions >= last || world.all_live(); }, 10min);
    REQUIRE(reached);
    if (world.store.transitions < last) return false;
    world.kill();
    return true;
}

Bytes key_of(const World& world) {
    const auto order = world.store.order_of("a.example");
    if (!order || order->key_pem.empty()) return {};
    const ByteView bytes = as_bytes(order->key_pem.reveal());
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("restart: killed at any commit, the order goes on where it was") {
    for (std::size_t n = 1;; ++n) {
        CAPTURE(n);
        World world;
        world.ca.polls_until_valid = 1;
        world.ca.polls_until_issued = 1;
        world.add({"a.example", "b.example"});
        world.start();
        if (!killed_at_commit(world, n)) {
            CHECK(n > 12);
            break;
        }
        const auto row = world.store.order_of("a.example");
        const bool url_was_stored = row && !row->url.empty();
        const Bytes key = key_of(world);
        const std::size_t orders_before = world.ca.orders_made;

        world.start();
        REQUIRE(world.run_until([&] { return world.all_live(); }, 10min));

        CHECK(world.ca.orders_made <= orders_before + (url_was_stored ? 0 : 1));
        CHECK(world.ca.orders_made <= 2);
        CHECK(world.ca.issued == 1);
        CHECK(world.ca.finalized_twice == 0);
        CHECK(world.ca.account_keys.size() == 1);
        CHECK(world.log.count("order_failed") == 0);
        if (!key.empty()) {
            const auto stored = world.store.find("a.example");
            const auto material = world.store.version(stored->version_id).value();
            CHECK(material.key_pem.reveal() == as_text(key));
        }
    }
}

TEST_CASE("restart: left to another process at any commit, a challenge stays published meanwhile",
          "[upgrade]") {
    std::size_t left_open = 0;
    for (std::size_t n = 1;; ++n) {
        CAPTURE(n);
        World world;
        world.ca.polls_until_valid = 3;
        world.add({"a.example", "b.example"});
        world.start();
        const std::size_t last = world.store.transitions + n;
        REQUIRE(world.run_until([&] { return world.store.transitions >= last || world.all_live(); },
                                10min));
        if (world.all_live()) break;

        const auto published = world.publisher->challenges;
        const std::vector<Hostname> names = world.reconciler->stop_for_another();
        CHECK(names.size() == published.size());
        for (const Hostname& name : names) CHECK(published.contains(name.text()));
        CHECK(world.publisher->challenges.size() == published.size());
        world.run_for(1min);
        CHECK(world.publisher->challenges.size() == published.size());
        world.reconciler.reset();
        CHECK(world.publisher->challenges.size() == published.size());

        // The other process is not said to answer before it does.
        world.start();
        const auto row = world.store.order_of("a.example");
        const bool told =
            row && row->status == "pending" &&
            std::any_of(row->authorizations.begin(),
                        row->authorizations.end(),
                        [](const auto& one) { return one.responded && one.status == "pending"; });
        CHECK(world.reconciler->answers_the_cas() == !told);
        left_open += told ? 1 : 0;
        REQUIRE(world.run_until([&] { return world.reconciler->answers_the_cas(); }, 5s));
        if (told) CHECK_FALSE(world.publisher->challenges.empty());
        REQUIRE(world.run_until([&] { return world.all_live(); }, 10min));
        CHECK(world.ca.issued == 1);
        CHECK(world.publisher->challenges.empty());
        CHECK(world.log.count("order_failed") == 0);
    }
    CHECK(left_open > 0);
}

TEST_CASE("restart: a process that does not serve yet publishes, and begins nothing at the CA",
          "[upgrade]") {
    World world;
    world.add({"a.example", "b.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::authorization] >= 2; }, 10min));
    (void)world.reconciler->stop_for_another();
    world.reconciler.reset();
    const std::size_t told = world.ca.asked[Step::respond];
    const std::size_t placed = world.ca.asked[Step::place];

    world.add({"c.example"});
    world.held = true;
    world.start();
    REQUIRE(world.run_until([&] { return world.publisher->challenges.size() == 2; }, 1min));
    world.run_for(1min);
    CHECK(world.ca.asked[Step::respond] == told);
    CHECK(world.ca.asked[Step::place] == placed);

    world.reconciler->release();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 10min));
    CHECK(world.ca.issued == 2);
    CHECK(world.log.count("order_failed") == 0);
}

TEST_CASE("restart: killed again and again, once per commit, it still gets there") {
    World world;
    world.ca.polls_until_valid = 1;
    world.ca.polls_until_issued = 1;
    world.add({"a.example", "b.example"});
    world.start();
    std::size_t kills = 0;

    while (killed_at_commit(world, 1)) {
        ++kills;
        REQUIRE(kills < 100);
        world.start();
    }

    CHECK(kills > 12);
    CHECK(world.ca.issued == 1);
    CHECK(world.ca.finalized_twice == 0);
    CHECK(world.all_live());
}

TEST_CASE("restart: killed while a request is out, at any request") {
    for (std::size_t n = 1; n < 40; ++n) {
        CAPTURE(n);
        World world;
        world.ca.polls_until_valid = 1;
        world.ca.polls_until_issued = 1;
        world.add({"a.example", "b.example"});
        std::size_t seen = 0;
        world.ca.refuse = [&](Step, const std::vector<std::string>&) {
            ++seen;
            return std::optional<acme::Failure>{};
        };
        world.start();
        if (!world.run_until([&] { return seen >= n; }, 10min)) break;
        world.kill();
        const auto row = world.store.order_of("a.example");
        const bool url_was_stored = row && !row->url.empty();
        const std::size_t orders_before = world.ca.orders_made;

        world.start();
        REQUIRE(world.run_until([&] { return world.all_live(); }, 10min));

        CHECK(world.ca.orders_made <= orders_before + (url_was_stored ? 0 : 1));
        CHECK(world.ca.issued == 1);
        CHECK(world.ca.finalized_twice == 0);
        CHECK(world.ca.account_keys.size() == 1);
    }
}

TEST_CASE("restart: a back-off survives it, and so does what the CA said") {
    World world;
    world.add({"a.example"});
    world.ca.refuse = [](Step step, const std::vector<std::string>&) {
        std::optional<acme::Failure> failure;
        if (step == Step::place)
            failure = a_failure(acme::FailureClass::name, "rejectedIdentifier", "not that one");
        return failure;
    };
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 3; }, 1h));
    const std::size_t asked = world.ca.asked[Step::place];

    for (int i = 0; i < 20; ++i) {
        world.kill();
        world.start();
        world.run_for(1min);
    }

    CHECK(world.ca.asked[Step::place] == asked);  // the third wait is 80 minutes at least
    const auto row = world.store.find("a.example");
    CHECK(row->record.attempts == 3);
    CHECK(row->record.last_error->type == "urn:ietf:params:acme:error:rejectedIdentifier");
    CHECK_THAT(row->record.last_error->detail, ContainsSubstring("not that one"));
}

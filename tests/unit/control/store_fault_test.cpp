// A disk that does not take what is written.
#include "control/store_gate.hpp"
#include "support/catch.hpp"
#include "unit/control/support/world.hpp"

#include <algorithm>

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

const Error disk_full{Errc::full, Origin::internal, "no space left on device"};

/// A change of one row that says who wrote it.
store::Transition saying(const std::string& reason) {
    return {store::PutAuthority{{directory, std::nullopt, reason}}};
}

std::string reason_in(const store::Transition& change) {
    const auto* put = std::get_if<store::PutAuthority>(&change.at(0));
    return put != nullptr ? put->authority.reason : std::string{};
}

}  // namespace

TEST_CASE("F82: store fault: no order is made that could not be remembered") {
    World world;
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::account] == 1; }, 10s));
    world.executor.settle();
    world.store.fault = disk_full;
    world.run_for(6h);

    CHECK(world.ca.asked[Step::place] == 0);
    CHECK(world.store.refused < 800);  // one repeats, half a minute apart
    CHECK(world.log.count("commit_waits") == 1);

    world.store.fault.reset();
    CHECK(world.run_until([&] { return world.all_live(); }, 3min));
    CHECK(world.log.count("commit_done") == 1);
    CHECK(world.ca.orders_made == 20);
}

TEST_CASE("F83: store fault: a certificate that cannot be stored is served, and stored later") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 1; }, 1min));
    world.store.fault = disk_full;

    REQUIRE(world.run_until([&] { return world.live("a.example"); }, 10s));
    CHECK_FALSE(world.store.find("a.example")->version.has_value());
    CHECK(world.log.count("cert_live") == 0);
    CHECK_FALSE(world.publisher->find("a.example")->entry->can_be_loaded);
    world.run_for(10min);
    CHECK(world.ca.orders_made == 1);

    world.store.fault.reset();
    REQUIRE(world.run_until([&] { return world.log.count("cert_live") == 1; }, 2min));
    REQUIRE(world.publisher->served.size() == 1);
    const auto stored = world.store.find("a.example");
    CHECK(world.publisher->find("a.example")->entry->id == stored->certificate_id);
    CHECK(world.publisher->find("a.example")->entry->version == stored->version_id);
    CHECK(world.publisher->find("a.example")->entry->can_be_loaded);
}

TEST_CASE("store fault: a renewal that cannot be stored replaces the old one in memory") {
    World world;
    world.ca.lifetime = days{6};
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 2; }, days{4}));
    const WallTime ends = world.publisher->find("a.example")->entry->not_after;
    world.store.fault = disk_full;
    world.run_for(1min);

    CHECK(world.publisher->served.size() == 1);
    CHECK(world.publisher->find("a.example")->entry->not_after > ends);
}

TEST_CASE("store fault: killed before it could be stored, the order brings it again") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 1; }, 1min));
    world.store.fault = disk_full;
    world.run_for(10s);
    world.kill();
    world.store.fault.reset();

    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 1min));
    CHECK(world.ca.orders_made == 1);
    CHECK(world.ca.finalized == 1);
}

TEST_CASE("store fault: a store that can only be read means no orders, and everything served") {
    World world;
    world.ca.lifetime = days{9};  // due in its middle
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 30s));
    world.kill();
    world.store.is_writable = false;
    world.add({"b.example"});

    world.start();
    world.run_for(days{8});

    CHECK(world.live("a.example"));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("F84: store fault: a store that turns writable is ordered into within a minute") {
    World world;
    world.store.is_writable = false;
    world.add({"a.example"});
    world.start();
    world.run_for(6h);
    REQUIRE(world.ca.orders_made == 0);

    world.store.is_writable = true;
    CHECK(world.run_until([&] { return world.all_live(); }, 60s));
}

TEST_CASE("store fault: what the store never took is served no more once it is deleted") {
    World world;
    world.store.refuse = [](const store::Transition& change) {
        const bool is_version = std::any_of(change.begin(), change.end(), [](const auto& one) {
            return std::holds_alternative<store::PutVersion>(one);
        });
        return is_version ? std::optional(Error{Errc::corrupt, Origin::internal, "a damaged page"})
                          : std::nullopt;
    };
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.live("a.example"); }, 1min));
    world.wanted.certificates.clear();
    world.want();

    world.run_for(days{90 + 30 + 2});

    CHECK(world.log.count("certificate_deleted") == 1);
    CHECK(world.publisher->served.empty());
}

TEST_CASE("F83: store fault: space that comes back is used within a minute") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::download] == 1; }, 1min));
    world.store.fault = disk_full;
    world.run_for(days{1});
    world.store.fault.reset();

    CHECK(world.run_until([&] { return world.log.count("cert_live") == 1; }, 60s));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("F87: store fault: a certificate that is lost is ordered again, alone and once") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    const store::StoredCertificate lost = *world.store.find("a.example");

    for (int i = 0; i < 3; ++i) world.reconciler->order_again(lost.certificate_id, lost.version_id);
    REQUIRE(world.run_until([&] { return world.log.count("cert_live") == 3; }, 1min));
    CHECK(world.store.find("a.example")->version_id != lost.version_id);
    CHECK(world.ca.orders_made == 3);

    // Told late, of a version that is not the current one any more.
    world.reconciler->order_again(lost.certificate_id, lost.version_id);
    world.run_for(days{1});
    CHECK(world.ca.orders_made == 3);
    CHECK(world.log.count("certificate_lost") == 1);
}

TEST_CASE("F87: store fault: a lost certificate whose orders fail waits as any other does") {
    World world;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    const store::StoredCertificate lost = *world.store.find("a.example");
    world.store.fault = disk_full;
    world.reconciler->order_again(lost.certificate_id, lost.version_id);
    world.run_for(1h);
    CHECK(world.ca.orders_made == 1);

    world.store.fault.reset();
    CHECK(world.run_until([&] { return world.log.count("cert_live") == 2; }, 2min));
}

TEST_CASE("store fault: in the middle of an order its turn goes to others") {
    World world;
    world.ca.polls_until_valid = 2;
    for (int i = 0; i < 12; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] > 4; }, 1min));
    world.store.fault = disk_full;
    world.run_for(5min);
    world.store.fault.reset();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 5min));
    CHECK(world.ca.orders_made == 12);
    CHECK(world.ca.finalized == 12);
}

TEST_CASE("store fault: changes that waited reach the disk in the order they were made") {
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ManualExecutor executor{clock};
    MemoryStore store;
    RecordingLog log;
    StoreGate gate{store, executor, log};
    std::vector<std::string> written;
    store.applied = [&](const store::Transition& change) { written.push_back(reason_in(change)); };
    std::size_t recovered = 0;
    gate.on_recovered([&] { ++recovered; });
    store.fault = disk_full;
    for (const auto* reason : {"first", "second", "third", "fourth"}) {
        gate.commit(saying(reason));
        executor.settle();
    }
    // The disk takes one, then one more not at once.
    store.fault.reset();
    store.refuse = [&, left = 1](const store::Transition& change) mutable {
        std::optional<Error> error;
        if (reason_in(change) == "second" && left > 0) {
            --left;
            error = disk_full;
        }
        return error;
    };
    executor.run_for(5min);

    CHECK(written == std::vector<std::string>{"first", "second", "third", "fourth"});
    CHECK_FALSE(gate.degraded());
    CHECK(recovered == 1);
    CHECK(log.count("commit_waits") == 1);
    CHECK(log.count("commit_done") == 1);
}

TEST_CASE("store fault: whoever made a change that is refused for good hears of it, once") {
    const Errc code = GENERATE(Errc::invalid, Errc::corrupt);
    ManualClock clock{at("2026-01-01T00:00:00Z")};
    ManualExecutor executor{clock};
    MemoryStore store;
    RecordingLog log;
    StoreGate gate{store, executor, log};
    store.refuse = [code](const store::Transition&) {
        return std::optional{Error{code, Origin::internal, "no such certificate"}};
    };
    std::size_t done = 0;
    std::size_t late = 0;
    std::vector<std::string> refused;
    gate.commit(
        saying("x"),
        [&](const store::Applied&) { ++done; },
        [&](const Error&) { ++late; },
        [&](const Error& error) { refused.push_back(error.message); });
    executor.run_for(5min);

    CHECK(refused == std::vector<std::string>{"no such certificate"});
    CHECK(done == 0);
    CHECK(late == 0);
    CHECK(log.count("store_refused") == 1);
    CHECK_FALSE(gate.degraded());
}

TEST_CASE("store fault: an order whose step is refused for good fails, and comes again") {
    World world;
    world.add({"a.example"});
    world.store.refuse = [left = 1](const store::Transition& change) mutable {
        std::optional<Error> error;
        const auto* put = std::get_if<store::PutOrder>(&change.at(0));
        if (put != nullptr && left > 0) {
            --left;
            error = Error{Errc::invalid, Origin::internal, "no such certificate"};
        }
        return error;
    };
    world.start();

    REQUIRE(world.run_until([&] { return world.log.count("order_failed") == 1; }, 30s));
    CHECK(world.log.last("order_failed").fields.at("type") == "mesh:store");
    CHECK(world.run_until([&] { return world.all_live(); }, 2min));
}

TEST_CASE("store fault: a certificate the store refuses for good is served, and renewed in time") {
    World world;
    world.ca.lifetime = days{6};
    world.add({"a.example"});
    bool refuses = true;
    world.store.refuse = [&](const store::Transition& change) {
        std::optional<Error> error;
        for (const store::Change& one : change)
            if (refuses && std::holds_alternative<store::PutVersion>(one))
                error = Error{Errc::invalid, Origin::internal, "a certificate that is none"};
        return error;
    };
    world.start();

    REQUIRE(world.run_until([&] { return world.live("a.example"); }, 30s));
    world.run_for(days{2});
    CHECK(world.ca.orders_made == 1);
    CHECK(world.log.count("cert_live") == 0);

    refuses = false;
    REQUIRE(world.run_until([&] { return world.log.count("cert_live") == 1; }, days{3}));
    CHECK(world.publisher->served.size() == 1);
    CHECK(world.live("a.example"));
    CHECK(world.store.find("a.example")->version.has_value());
}

TEST_CASE("store fault: an account the store refuses for good does not stop everything for ever") {
    for (const std::size_t refused_at : {1U, 2U}) {  // its key, its URL
        CAPTURE(refused_at);
        World world;
        world.add({"a.example"});
        world.store.refuse = [refused_at,
                              seen = std::size_t{0}](const store::Transition& change) mutable {
            std::optional<Error> error;
            if (std::holds_alternative<store::PutAccount>(change.at(0)) && ++seen == refused_at)
                error = Error{Errc::invalid, Origin::internal, "no such table"};
            return error;
        };
        world.start();

        CHECK(world.run_until([&] { return world.all_live(); }, 5min));
        CHECK(world.ca.account_keys.size() == 1);
    }
}

// A CA that is away, asks for patience, or refuses our account.
#include "support/catch.hpp"
#include "unit/control/support/refusals.hpp"
#include "unit/control/support/world.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

std::size_t total(const std::map<Step, std::size_t>& asked) {
    std::size_t sum = 0;
    for (const auto& [step, count] : asked) sum += count;
    return sum;
}

}  // namespace

TEST_CASE("authority: a CA away at the start is probed for all, and everything comes later") {
    World world;
    for (int i = 0; i < 30; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.ca.down = true;
    world.start();
    world.run_for(1h);

    // 5, 10, 20 … 300 s: about 18 in the first hour, whoever waits.
    CHECK(world.ca.asked[Step::directory] > 12);
    CHECK(world.ca.asked[Step::directory] < 25);
    CHECK(total(world.ca.asked) == world.ca.asked[Step::directory]);
    CHECK(world.log.count("ca_down") == 1);
    CHECK(world.log.count("order_failed") == 0);

    world.ca.down = false;
    REQUIRE(world.run_until([&] { return world.all_live(); }, 8min));
    CHECK(world.log.count("ca_up") == 1);
    CHECK(world.store.find("n0.example")->record.attempts == 0);
}

TEST_CASE("authority: three days away across the renewal cost nobody an attempt") {
    World world;
    world.ca.lifetime = days{6};
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.run_for(days{2});
    world.ca.down = true;
    world.run_for(days{3});
    CHECK(world.log.count("ca_down") == 1);
    CHECK(world.log.count("order_failed") == 0);
    CHECK(world.log.count("cert_expiring") > 0);
    CHECK(world.all_live());

    world.ca.down = false;

    REQUIRE(world.run_until([&] { return world.ca.issued == 40; }, 10min));
    CHECK(world.log.count("ca_up") == 1);
    CHECK(world.all_live());
}

TEST_CASE("authority: away in the middle of orders, they go on where they were") {
    World world;
    world.ca.polls_until_valid = 2;
    for (int i = 0; i < 30; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] > 10; }, 1min));
    world.ca.down = true;
    world.run_for(10min);
    world.ca.down = false;

    REQUIRE(world.run_until([&] { return world.all_live(); }, 10min));
    CHECK(world.ca.orders_made == 30);
    CHECK(world.log.count("ca_down") == 1);
    CHECK(world.log.count("ca_up") == 1);
}

TEST_CASE("authority: back up, the one with the least life left goes first") {
    World world;
    world.ca.lifetime = days{6};
    world.add({"old.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.run_for(days{1});
    world.add({"young.example"});
    world.want();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 1min));
    world.ca.down = true;
    world.run_for(days{4});
    world.ca.placed.clear();
    world.ca.down = false;

    REQUIRE(world.run_until([&] { return world.ca.issued == 4; }, 10min));
    CHECK(world.ca.placed == std::vector<std::string>{"old.example", "young.example"});
}

TEST_CASE("authority: a CA down with 60-second certificates is probed inside what is left") {
    World world;
    world.ca.lifetime = 60s;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.all_live(); }, 10s));
    world.ca.down = true;
    world.run_for(50s);
    CHECK(world.live("a.example"));
    world.ca.down = false;

    CHECK(world.run_until([&] { return world.ca.issued == 2; }, 6s));
    CHECK(world.live("a.example"));
}

TEST_CASE("authority: a 503 with Retry-After is obeyed by all and over a restart") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    acme::Failure busy = a_failure(acme::FailureClass::unreachable, {}, "503");
    busy.retry_at = world.clock.now() + 2h;
    world.ca.refuse = refusing(Step::place, busy, 1);
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("ca_down") == 1; }, 1min));
    const std::size_t asked = total(world.ca.asked);
    world.run_for(30min);
    world.kill();
    world.start();
    world.run_for(80min);
    CHECK(total(world.ca.asked) == asked);

    CHECK(world.run_until([&] { return world.all_live(); }, 15min));
}

TEST_CASE("authority: one order at which the CA always fails does not stop the others") {
    World world;
    world.add({"cursed.example"});
    world.ca.refuse = [](Step step, const std::vector<std::string>& names) {
        std::optional<acme::Failure> failure;
        if (step == Step::finalize && names.front() == "cursed.example")
            failure = a_failure(acme::FailureClass::unreachable, "serverInternal", "oops");
        return failure;
    };
    for (int i = 0; i < 20; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();

    CHECK(world.run_until([&] { return world.publisher->served.size() == 20; }, 5min));
    world.run_for(1h);
    CHECK(world.log.count("ca_down") < 12);
}

TEST_CASE("authority: rate limited at newOrder, nobody orders before the time the CA gave") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    acme::Failure limited = a_failure(acme::FailureClass::rate_limited,
                                      "rateLimited",
                                      "too many new orders (300) from this account");
    limited.retry_at = world.clock.now() + 3h;
    world.ca.refuse = refusing(Step::place, limited, 1);
    world.start();
    world.run_for(1h);
    CHECK(world.ca.asked[Step::place] == 1);
    CHECK(world.store.authorities().value().at(0).retry_not_before == limited.retry_at);
    CHECK_THAT(world.store.authorities().value().at(0).reason,
               ContainsSubstring("too many new orders"));
    world.kill();
    world.start();
    world.run_for(119min);
    CHECK(world.ca.asked[Step::place] == 1);

    CHECK(world.run_until([&] { return world.all_live(); }, 3min));
    CHECK(world.store.find("a.example")->record.attempts == 0);
    CHECK_FALSE(world.store.authorities().value().at(0).retry_not_before.has_value());
}

TEST_CASE("authority: a limit on one set of names stops that certificate only") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    acme::Failure limited =
        a_failure(acme::FailureClass::rate_limited,
                  "rateLimited",
                  "too many certificates (5) already issued for this exact set of identifiers");
    limited.retry_at = world.clock.now() + 20h;
    world.ca.refuse = [limited](Step step, const std::vector<std::string>& names) {
        std::optional<acme::Failure> failure;
        if (step == Step::place && names.front() == "a.example") failure = limited;
        return failure;
    };
    world.start();

    CHECK(world.run_until([&] { return world.live("b.example"); }, 1min));
    world.run_for(19h);
    CHECK(world.ca.asked[Step::place] == 2);
    CHECK(world.store.find("a.example")->record.next_at == limited.retry_at);
}

TEST_CASE("authority: a limit in the middle of an order keeps the order") {
    World world;
    world.add({"a.example"});
    acme::Failure limited = a_failure(acme::FailureClass::rate_limited, "rateLimited", "slow down");
    limited.retry_at = world.clock.now() + 20min;
    world.ca.refuse = refusing(Step::finalize, limited, 1);
    world.start();
    world.run_for(19min);
    CHECK(world.ca.asked[Step::finalize] == 1);

    CHECK(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.ca.orders_made == 1);
}

TEST_CASE("authority: rate limited at newAccount, one account is tried, later") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    acme::Failure limited = a_failure(acme::FailureClass::rate_limited, "rateLimited", "too many");
    limited.retry_at = world.clock.now() + 1h;
    world.ca.refuse = refusing(Step::account, limited, 1);
    world.start();
    world.run_for(59min);
    CHECK(world.ca.asked[Step::account] == 1);

    CHECK(world.run_until([&] { return world.all_live(); }, 3min));
    CHECK(world.ca.account_keys.size() == 1);
}

TEST_CASE("authority: a CA that lost every account gets the same key again, and orders go on") {
    World world;
    world.ca.polls_until_valid = 3;
    for (int i = 0; i < 10; ++i) world.add({"n" + std::to_string(i) + ".example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::respond] > 5; }, 1min));

    world.ca.restart();

    REQUIRE(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.ca.account_keys.size() == 1);
    CHECK(world.ca.asked[Step::account] == 2);
    CHECK(world.log.count("order_failed") == 0);
}

TEST_CASE("authority: an account that stays unknown is not registered in a circle") {
    World world;
    world.add({"a.example"});
    world.ca.refuse =
        refusing(Step::place,
                 a_failure(acme::FailureClass::account_gone, "accountDoesNotExist", "who?"),
                 1'000'000);
    world.start();

    world.run_for(days{3});

    CHECK(world.ca.asked[Step::account] < 10);
    CHECK(world.log.last("ca_down").level == LogLevel::error);
    CHECK(world.log.count("ca_down") <= 2);
}

TEST_CASE("authority: a deactivated account stops its CA with one error and a daily look") {
    World world;
    world.add({"a.example"});
    world.add({"b.example"});
    world.ca.refuse =
        refusing(Step::place,
                 a_failure(acme::FailureClass::account_stopped, "unauthorized", "deactivated"),
                 4);
    world.start();
    world.run_for(days{2} + 12h);

    CHECK(world.ca.asked[Step::place] == 3);
    CHECK(world.log.count("ca_down") == 1);
    CHECK_THAT(world.store.accounts().value().at(0).status, ContainsSubstring("deactivated"));
    CHECK(world.ca.account_keys.size() == 1);

    world.run_for(days{2});
    CHECK(world.all_live());
    CHECK(world.log.count("ca_up") == 1);
    CHECK(world.store.accounts().value().at(0).status == "valid");
}

TEST_CASE("authority: a stored account key that is damaged stops the CA and stays as it is") {
    World world;
    store::AccountRecord account;
    account.directory = directory;
    account.url = "https://ca.test/account/1";
    account.key_pem = Secret{"not a key any more"};
    account.status = "valid";
    world.store.apply({store::PutAccount{account}}, world.executor, [](const auto&) {});
    world.run_for(1s);
    world.add({"a.example"});
    world.start();
    world.run_for(days{3});

    CHECK_THAT(world.log.last("ca_down").fields.at("error"),
               ContainsSubstring("the stored account key does not parse"));
    CHECK(world.ca.account_keys.empty());
    // Written back it would get a checksum of its own, and the copy be lost with it.
    const auto stored = world.store.accounts().value().at(0);
    CHECK(stored.key_pem.reveal() == "not a key any more");
    CHECK(stored.status == "valid");
}

TEST_CASE("authority: a CA that wants an external account is told nothing") {
    World world;
    world.ca.external_account_required = true;
    world.add({"a.example"});
    world.start();
    world.run_for(1h);

    CHECK(world.ca.asked[Step::account] == 0);
    CHECK(world.log.last("ca_down").level == LogLevel::error);
    CHECK_THAT(world.log.last("ca_down").fields.at("error"), ContainsSubstring("le"));
}

TEST_CASE("authority: an e-mail the CA refused is asked for again when it was changed") {
    World world;
    world.add({"a.example"});
    world.ca.refuse =
        refusing(Step::account,
                 a_failure(acme::FailureClass::config, "invalidContact", "no such domain"),
                 1);
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("ca_down") == 1; }, 10s));
    world.kill();
    world.resolvers.at("le").email = "ops@example.com";
    world.start();

    CHECK(world.run_until([&] { return world.all_live(); }, 20s));
    CHECK(world.store.accounts().value().at(0).email == "ops@example.com");
    CHECK(world.ca.account_keys.size() == 1);
}

TEST_CASE("authority: other trust means another client, and what was out goes on") {
    World world;
    world.ca.polls_until_valid = 5;
    world.add({"a.example"});
    world.start();
    REQUIRE(world.run_until([&] { return world.ca.asked[Step::place] == 1; }, 10s));

    world.resolvers.at("le").ca_certificates = {"/etc/mesh/ca.pem"};
    world.want();

    CHECK(world.run_until([&] { return world.all_live(); }, 2min));
    CHECK(world.clients_made == 2);
    CHECK(world.log.count("order_failed") == 0);
}

TEST_CASE("authority: other trust does not end a pause the CA asked for") {
    World world;
    world.add({"a.example"});
    acme::Failure busy = a_failure(acme::FailureClass::unreachable, {}, "503");
    busy.retry_at = world.clock.now() + 2h;
    world.ca.refuse = refusing(Step::place, busy, 1);
    world.start();
    REQUIRE(world.run_until([&] { return world.log.count("ca_down") == 1; }, 1min));
    const std::size_t asked = total(world.ca.asked);

    world.resolvers.at("le").client_timeout = 7s;
    world.want();
    world.run_for(110min);
    CHECK(total(world.ca.asked) == asked);

    CHECK(world.run_until([&] { return world.all_live(); }, 15min));
    CHECK(world.clients_made == 2);
}

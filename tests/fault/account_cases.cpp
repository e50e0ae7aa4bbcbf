// B: what becomes of our account.
#include "fault/support/site.hpp"
#include "support/catch.hpp"

using namespace mesh;
using namespace mesh::fault;

namespace {

std::string account_status(Site& site) {
    site.run_for(0ms);
    return site.store->accounts().value().at(0).status;
}

}  // namespace

TEST_CASE("B19: a limit on newAccount makes all wait, and one account is made") {
    Site site;
    for (int i = 0; i < 10; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.ca.script.on(Step::new_account)
        .once()
        .instead(problem(429, "rateLimited", "too many registrations from this address")
                     .header("Retry-After", "3600"));
    site.start();
    site.run_for(30min);
    site.restart();
    site.run_for(29min);
    CHECK(site.ca.seen.asked[Step::new_account] == 1);

    REQUIRE(site.run_until_live(5min));
    CHECK(site.ca.seen.asked[Step::new_account] == 2);
    CHECK(site.ca.seen.accounts_made == 1);
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("B20: a CA that forgot everything gets the same key once more, and orders go on") {
    Site site;
    site.ca.manners.polls_until_valid = 3;
    for (int i = 0; i < 10; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.start();
    REQUIRE(site.run_until([&] { return site.ca.seen.asked[Step::challenge] > 5; }, 1min));

    site.ca.forget_accounts();
    site.ca.forget_orders();

    REQUIRE(site.run_until_live(5min));
    CHECK(site.ca.seen.account_keys.size() == 1);
    CHECK(site.ca.seen.asked[Step::new_account] == 2);
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("B20: an account that stays unknown is not registered in a circle") {
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::new_order).instead(problem(400, "accountDoesNotExist", "who?"));
    site.start();
    site.run_for(days{3});

    CHECK(site.ca.seen.asked[Step::new_account] < 10);
    CHECK(site.ca.seen.account_keys.size() == 1);
    CHECK(site.log.last("ca_down").level == LogLevel::error);
}

TEST_CASE("B21: a deactivated account stops its CA, before and in the middle of an order") {
    const bool in_the_middle = GENERATE(false, true);
    CAPTURE(in_the_middle);
    Site site;
    site.ca.manners.polls_until_valid = 3;
    site.add({"a.example"});
    if (!in_the_middle)
        site.ca.script.on(Step::new_order).once().by([&](const Asked&, const Execute& execute) {
            site.ca.deactivate_accounts();
            return execute();
        });
    site.start();
    if (in_the_middle) {
        REQUIRE(site.run_until([&] { return site.ca.seen.asked[Step::challenge] > 0; }, 1min));
        site.ca.deactivate_accounts();
    }
    REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
    const std::size_t asked = site.ca.seen.total();
    site.run_for(23h);
    site.restart();
    site.run_for(30min);

    CHECK(site.ca.seen.total() == asked);
    CHECK(site.log.last("ca_down").level == LogLevel::error);
    CHECK_THAT(account_status(site), ContainsSubstring("deactivated"));
    site.ca.reactivate_accounts();
    REQUIRE(site.run_until_live(days{1}));
    CHECK(site.ca.seen.account_keys.size() == 1);
    CHECK(account_status(site) == "valid");
}

TEST_CASE("B22: a CA that wants an external account is asked for none") {
    Site site;
    site.ca.manners.external_account_required = true;
    site.add({"a.example"});
    site.start();
    site.run_for(1h);

    CHECK(site.ca.seen.asked[Step::new_account] == 0);
    CHECK(site.log.last("ca_down").level == LogLevel::error);
    CHECK_THAT(site.log.last("ca_down").fields.at("error"), ContainsSubstring("le"));
    CHECK_THAT(site.log.last("ca_down").fields.at("error"), ContainsSubstring("external account"));
}

TEST_CASE("B24: new terms stop the CA, with the link to them, until they are agreed to") {
    const std::string link = "https://ca.test/terms/v9";
    Site site;
    site.add({"a.example"});
    site.add({"b.example"});
    bool agreed = false;
    site.ca.script.on(Step::new_order).by([&](const Asked&, const Execute& execute) {
        if (agreed) return execute();
        return problem(403, "userActionRequired", "the terms have changed")
            .header("Link", "<" + link + ">;rel=\"terms-of-service\"");
    });
    site.start();
    site.run_for(days{2} + 12h);

    CHECK(site.ca.seen.asked[Step::new_order] == 3);
    CHECK(site.log.count("ca_down") == 1);
    CHECK(site.log.last("ca_down").level == LogLevel::error);
    CHECK_THAT(site.log.last("ca_down").fields.at("error"), ContainsSubstring(link));
    CHECK_THAT(account_status(site), ContainsSubstring(link));
    agreed = true;
    CHECK(site.run_until_live(days{1}));
    CHECK(site.log.count("ca_up") == 1);
}

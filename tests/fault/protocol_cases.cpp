// B: the CA answers, and not as one would like.
#include "fault/support/site.hpp"
#include "support/catch.hpp"

#include <algorithm>

using namespace mesh;
using namespace mesh::fault;

TEST_CASE("B15: nonces refused now and then cost no attempt, and nine times in ten no order") {
    const double share = GENERATE(0.05, 0.2, 0.9);
    CAPTURE(share);
    Site site{Way::direct};
    for (int i = 0; i < 20; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.ca.manners.nonces_refused = share;
    site.start();

    REQUIRE(site.run_until_live(6h));
    CHECK(site.ca.seen.orders_made == 20);
    CHECK(site.ca.seen.finalized_twice == 0);
    if (share > 0.2) return;  // every third request fails for good: that is a CA that is not well
    CHECK(site.log.count("order_failed") == 0);
    CHECK(site.log.count("ca_down") == 0);
}

TEST_CASE("B15: one refused nonce is replaced by that of the refusal, at once") {
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::new_order)
        .once()
        .instead(problem(400, "badNonce", "JWS has an invalid anti-replay nonce"));
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.ca.seen.asked[Step::new_order] == 2);
    CHECK(site.ca.seen.asked[Step::nonce] == 1);
    CHECK(site.log.count("ca_down") == 0);
}

TEST_CASE("B16: a CA that gives no nonce with its answers is asked for each") {
    Site site;
    site.add({"a.example"});
    site.ca.manners.nonces_in_answers = false;
    site.start();

    REQUIRE(site.run_until_live(1min));
    const Seen& seen = site.ca.seen;
    CHECK(seen.asked.at(Step::nonce) == seen.total() - seen.asked.at(Step::nonce) - 1);
    CHECK(seen.complaints.empty());
}

TEST_CASE("B17: a limit on orders holds for that CA until its time, and for no other CA") {
    Site site;
    site.add_other();
    site.add({"a.example"});
    site.add({"b.example"});
    site.add({"c.example"}, "other");
    const WallTime end = site.clock.now() + 3h;
    site.ca.script.on(Step::new_order)
        .once()
        .instead(problem(429,
                         "rateLimited",
                         "too many new orders (300) from this account in the last 3h")
                     .header("Retry-After", "10800"));
    site.start();
    REQUIRE(site.run_until([&] { return site.live("c.example"); }, 1min));
    site.run_for(90min);
    site.restart();
    site.run_for(85min);
    CHECK(site.ca.seen.asked[Step::new_order] == 1);
    const auto authorities = site.store->authorities().value();
    const auto limited =
        std::find_if(authorities.begin(), authorities.end(), [&](const auto& authority) {
            return authority.directory == site.ca.directory_url();
        });
    REQUIRE(limited != authorities.end());
    CHECK(*limited->retry_not_before >= end);
    CHECK_THAT(limited->reason, ContainsSubstring("too many new orders"));

    REQUIRE(site.run_until_live(10min));
    CHECK(site.clock.now() >= end);
    CHECK(site.stored("a.example").record.attempts == 0);
}

TEST_CASE("B17: a limit on one domain stops its certificate only, until the time given") {
    Site site;
    site.add({"a.example"});
    site.add({"b.example"});
    const WallTime end = site.clock.now() + 20h;
    site.ca.script.on(Step::new_order)
        .about("a.example")
        .once()
        .instead(problem(429,
                         "rateLimited",
                         "too many certificates (50) already issued for \"a.example\"")
                     .header("Retry-After", "72000"));
    site.start();
    REQUIRE(site.run_until([&] { return site.live("b.example"); }, 1min));

    CHECK(site.stored("a.example").record.next_at >= end);
    CHECK_THAT(site.failure(), ContainsSubstring("too many certificates"));
    site.run_for(19h);
    site.restart();
    site.run_for(50min);
    CHECK(site.ca.seen.asked[Step::new_order] == 2);
    CHECK(site.run_until_live(30min));
}

TEST_CASE("B18: a paused name waits, and the operator gets the link that lifts the pause") {
    const bool in_header = GENERATE(false, true);
    CAPTURE(in_header);
    const std::string link = "https://portal.ca.test/unpause?jwt=abc";
    Site site;
    site.add({"a.example"});
    site.add({"b.example"});
    Reply paused = problem(429,
                           "rateLimited",
                           "Your account is temporarily prevented from requesting certificates "
                           "for a.example" +
                               (in_header ? std::string() : ". Please visit: " + link));
    if (in_header) paused.header("Link", "<" + link + ">;rel=\"help\"");
    site.ca.script.on(Step::new_order).about("a.example").instead(paused);
    site.start();
    REQUIRE(site.run_until([&] { return site.live("b.example"); }, 1min));
    site.run_for(days{3});

    // 1, 10, 100 min, then every 6 h without a certificate, give or take a fifth.
    CHECK(site.ca.seen.asked[Step::new_order] <= 1 + 4 + 15);
    CHECK_THAT(site.failure(), ContainsSubstring(link));
    CHECK_THAT(site.stored("a.example").record.last_error->detail, ContainsSubstring(link));
    CHECK(site.log.count("ca_down") == 0);
    site.ca.script.clear();
    CHECK(site.run_until_live(days{1}));
}

TEST_CASE("B31: what a CA calls malformed is told in its words and asked less and less often") {
    const Step step = GENERATE(Step::new_order, Step::finalize);
    CAPTURE(acme::to_string(step));
    Site site;
    site.add({"a.example"});
    site.ca.script.on(step).instead(problem(400, "malformed", "unparsable (request id 7f3a)"));
    site.start();
    site.run_for(24h);

    CHECK(site.ca.seen.asked[step] >= 5);
    CHECK(site.ca.seen.asked[step] <= 9);
    CHECK_THAT(site.failure(), ContainsSubstring("request id 7f3a"));
    CHECK(site.failure("type") == "urn:ietf:params:acme:error:malformed");
    CHECK(site.log.count("ca_down") == 0);
}

TEST_CASE("B32: serverInternal is the CA's trouble, whatever status it comes with") {
    const int status = GENERATE(400, 403, 500);
    const Step step = GENERATE(Step::new_account, Step::new_order, Step::finalize);
    CAPTURE(status, acme::to_string(step));
    Site site{Way::direct};
    site.add({"a.example"});
    site.ca.script.on(step).times(2).instead(problem(status, "serverInternal", "oops"));
    site.start();

    REQUIRE(site.run_until_live(5min));
    CHECK(site.log.count("ca_down") >= 1);
    CHECK(site.log.count("order_failed") == 0);
    CHECK(site.ca.seen.orders_made == 1);
}

TEST_CASE("B42: types, members and statuses of another time are read past") {
    Site site;
    site.add({"a.example"});
    site.ca.manners.challenge_types = {"quantum-01", "tls-alpn-01", "dns-persist-01"};
    site.ca.manners.polls_until_issued = 1;
    site.ca.script.on(Step::directory).changed([](Reply& reply) {
        reply.edit([](Json& body) {
            body["newThing"] = {{"with", {1, 2, 3}}};
            body["meta"]["website"] = 7;
        });
    });
    site.ca.script.on(Step::authorization).once().changed([](Reply& reply) {
        reply.edit([](Json& body) { body["challenges"][0] = "not even an object"; });
    });
    site.ca.script.on(Step::order).times(3).changed([](Reply& reply) {
        reply.edit([](Json& body) {
            body["status"] = "pondering";
            body["mood"] = "good";
        });
    });
    site.start();

    REQUIRE(site.run_until_live(2min));
    CHECK(site.log.count("order_failed") == 0);
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.ca.seen.asked[Step::order] >= 4);
}

TEST_CASE("B44: a Location may be relative or on another host, but not plain or missing") {
    Site site;
    site.add({"a.example"});

    SECTION("relative") {
        site.ca.script.on_all().changed([](Reply& reply) {
            const std::string location = reply.header("Location");
            if (!location.empty()) reply.header("Location", location.substr(location.find('/', 8)));
        });
        site.start();
        CHECK(site.run_until_live(1min));
        CHECK(site.log.count("order_failed") == 0);
    }
    SECTION("another host") {
        site.ca.script.on(Step::new_order).changed([](Reply& reply) {
            std::string location = reply.header("Location");
            reply.header("Location",
                         location.replace(8, std::string("localhost").size(), "127.0.0.1"));
        });
        site.start();
        CHECK(site.run_until_live(1min));
        CHECK(site.log.count("order_failed") == 0);
    }
    SECTION("missing") {
        site.ca.script.on(Step::new_order).once().changed([](Reply& reply) {
            reply.header("Location", "");
        });
        site.start();
        REQUIRE(site.run_until_failed());
        CHECK_THAT(site.failure(), ContainsSubstring("Location"));
        CHECK(site.run_until_live(2min));
    }
    SECTION("plain HTTP") {
        site.ca.script.on(Step::new_order).once().changed([](Reply& reply) {
            reply.header("Location", "http://" + reply.header("Location").substr(8));
        });
        site.start();
        REQUIRE(site.run_until_failed());
        CHECK_THAT(site.failure(), ContainsSubstring("Location"));
    }
    SECTION("missing for the account") {
        site.ca.script.on(Step::new_account).once().changed([](Reply& reply) {
            reply.header("Location", "");
        });
        site.start();
        REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
        CHECK(site.run_until_live(10min));
        CHECK(site.ca.seen.accounts_made == 1);
    }
}

TEST_CASE("B45: links that lead in a circle, and hundreds of them, lead nowhere") {
    const auto requests_with = [](const std::function<void(Reply&)>& change) {
        Site site;
        site.add({"a.example"});
        site.ca.script.on_all().changed(change);
        site.start();
        REQUIRE(site.run_until_live(1min));
        return site.ca.seen.total();
    };
    const std::size_t usual = requests_with([](Reply&) {});

    CHECK(requests_with([](Reply& reply) {
              reply.also("Link", "<https://localhost/orders?cursor=1>;rel=\"next\"");
              reply.also("Link", "</order/1>;rel=\"next\", </order/1>;rel=\"index\"");
          }) == usual);
    CHECK(requests_with([](Reply& reply) {
              for (int i = 0; i < 150; ++i)
                  reply.also("Link",
                             "</certificate/1/" + std::to_string(i) + ">;rel=\"alternate\"");
          }) == usual);
}

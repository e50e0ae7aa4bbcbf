// A: the CA is away, or something else answers in its place.
#include "fault/ca/http_date.hpp"
#include "fault/support/site.hpp"
#include "support/catch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace mesh;
using namespace mesh::fault;

namespace {

std::string down_because(const Site& site) {
    return site.log.last("ca_down").fields.at("error");
}

/// A socket on [::1] to which connections are begun and never made, as to a host that is gone.
class DeadAddress {
 public:
    explicit DeadAddress(unsigned short port) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_addr = in6addr_loopback;
        address.sin6_port = htons(port);
        const auto* generic = reinterpret_cast<const sockaddr*>(&address);
        listener_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener_ < 0 || bind(listener_, generic, sizeof address) != 0) return;
        (void)listen(listener_, 0);
        for (int& filler : fillers_) {
            filler = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            (void)connect(filler, generic, sizeof address);
        }
    }
    ~DeadAddress() {
        for (const int filler : fillers_) close(filler);
        close(listener_);
    }
    DeadAddress(const DeadAddress&) = delete;
    DeadAddress& operator=(const DeadAddress&) = delete;

 private:
    int listener_ = -1;
    int fillers_[4] = {-1, -1, -1, -1};
};

}  // namespace

TEST_CASE("fault CA: without a script it is a CA, over TLS and directly") {
    for (const Way way : {Way::real, Way::direct}) {
        CAPTURE(static_cast<int>(way));
        Site site{way};
        site.ca.manners.lifetime = days{12};
        site.add({"shop.example", "www.shop.example"});
        site.add({"api.example"});
        site.start();

        REQUIRE(site.run_until_live(1min));
        CHECK(site.ca.seen.complaints.empty());
        CHECK(site.ca.seen.orders_made == 2);
        CHECK(site.ca.seen.finalized_twice == 0);
        CHECK(site.log.count("order_failed") == 0);
        site.restart();
        CHECK(site.all_live());
        site.run_for(days{7});
        CHECK(site.ca.seen.orders_made == 2);
        site.run_for(days{2});
        CHECK(site.ca.seen.issued == 4);
    }
}

TEST_CASE("A1: nobody listens, or nothing is answered: what is stored is served") {
    Site site;
    site.ca.manners.lifetime = days{6};
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    site.kill();

    SECTION("nobody listens") {
        site.place.shut();
    }
    SECTION("no answer") {
        // Real time, also of every other exchange: longer than a machine may stand still.
        site.resolvers.at("le").client_timeout = 5s;
        site.ca.script.on_all().once().changed([](Reply& reply) { reply.silent = true; });
    }
    site.start();
    CHECK(site.live("a.example"));  // served before anybody was asked
    site.run_for(days{3} + 8h);

    CHECK(site.live("a.example"));
    CHECK(site.log.count("ca_down") == 1);
    CHECK(site.log.count("order_failed") == 0);
    CHECK(site.stored("a.example").record.attempts == 0);
    site.place.shut();
    site.place.open();
    CHECK(site.run_until([&] { return site.ca.seen.issued == 2; }, 10min));
    CHECK(site.log.count("ca_up") == 1);
}

TEST_CASE("A1: a CA whose name does not resolve is named") {
    Site site;
    site.resolvers.at("le").ca_server = "https://ca.invalid/directory";
    site.add({"a.example"});
    site.start();

    REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
    CHECK_THAT(down_because(site), ContainsSubstring("ca.invalid"));
    CHECK_THAT(down_because(site), ContainsSubstring("does not resolve"));
}

TEST_CASE("A2: a web page instead of the directory is a CA that is away") {
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::directory).times(3).instead(web_page(200));
    site.start();

    REQUIRE(site.run_until_live(5min));
    CHECK_THAT(down_because(site), ContainsSubstring("not an ACME directory"));
    CHECK(site.log.count("ca_down") == 1);
    CHECK(site.log.count("ca_up") == 1);
    CHECK(site.stored("a.example").record.attempts == 0);
}

TEST_CASE("A3: half a JSON text, and 2 MB of it, are survived within bounds") {
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::directory).once().changed([](Reply& reply) {
        reply.body.resize(reply.body.size() / 2);
    });
    site.ca.script.on(Step::directory).once().changed([](Reply& reply) {
        reply.body = "{\"x\":\"" + std::string(2'000'000, 'x') + "\"}";
    });
    site.ca.script.on(Step::new_order).once().changed([](Reply& reply) {
        reply.body.resize(reply.body.size() / 2);
    });
    site.ca.script.on(Step::authorization).once().changed([](Reply& reply) {
        reply.body = std::string(100'000, '[');
    });
    site.start();

    REQUIRE(site.run_until_live(5min));
    CHECK_THAT(down_because(site), ContainsSubstring("JSON"));
    CHECK(site.log.text().size() < 20'000);
    CHECK(site.stored("a.example").record.attempts == 0);
}

TEST_CASE("A4: a CA that cannot prove who it is is not asked, and the operator reads why") {
    struct Case {
        const char* name;
        ServerIdentity identity;
        const char* says;
    };
    const Case cases[] = {
        {"unknown root", make_server_identity("DNS:localhost", 1, "Another Root"), "Another Root"},
        // What a test CA that was set up anew has.
        {"unknown", make_server_identity(), "Fault CA Root"},
        {"expired", make_server_identity("DNS:localhost", -1), "does not verify"},
        {"another host", make_server_identity("DNS:elsewhere.example"), "does not verify"},
    };
    const std::string unknown_root = "unknown root";
    for (const Case& c : cases) {
        CAPTURE(c.name);
        Site site;
        site.place.serve_as(c.identity);
        site.resolvers.at("le").ca_server = site.ca.directory_url();
        const test::TemporaryFile trusted(c.identity.root_pem);
        if (!unknown_root.starts_with(c.name))
            site.resolvers.at("le").ca_certificates = {trusted.path()};
        site.add({"a.example"});
        site.start();
        site.run_for(20min);

        CHECK(site.ca.seen.total() == 0);
        CHECK(site.log.count("ca_down") == 1);
        CHECK_THAT(down_because(site), ContainsSubstring("fault-ca"));
        CHECK_THAT(down_because(site), ContainsSubstring(c.says));
        CHECK_THAT(down_because(site),
                   ContainsSubstring(site.resolvers.at("le").ca_certificates.at(0)));
    }
}

TEST_CASE("A5: 500, 502 and 503 are probed for all, further and further apart") {
    const int status = GENERATE(500, 502, 503);
    Site site;
    for (int i = 0; i < 10; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.ca.script.on(Step::new_order).once().instead(web_page(status));
    site.ca.script.on(Step::directory).after(1).times(12).instead(web_page(status));
    site.start();
    site.run_for(30min);

    // 5, 10, 20 … 300 s: ten in the first half hour, and nothing else.
    CHECK(site.ca.seen.asked[Step::directory] >= 9);
    CHECK(site.ca.seen.asked[Step::directory] <= 14);
    CHECK(site.ca.seen.asked[Step::new_order] == 1);
    CHECK(site.log.count("ca_down") == 1);
    REQUIRE(site.run_until_live(30min));
    CHECK(site.ca.seen.orders_made == 10);
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("A6: a 503 with Retry-After keeps everybody away, over a restart as well") {
    const bool as_date = GENERATE(false, true);
    Site site;
    site.add({"a.example"});
    site.add({"b.example"});
    const WallTime end = site.clock.now() + 2h;
    site.ca.script.on(Step::new_order)
        .once()
        .instead(web_page(503).header("Retry-After", as_date ? http_date(end) : "7200"));
    site.start();
    REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
    const std::size_t asked = site.ca.seen.total();
    site.run_for(30min);
    site.restart();
    site.run_for(85min);
    CHECK(site.ca.seen.total() == asked);

    REQUIRE(site.run_until_live(10min));
    CHECK(site.clock.now() >= end);
}

TEST_CASE("A7: a Retry-After that makes no sense is kept within a second and a day, told once") {
    struct Case {
        const char* value;
        std::chrono::milliseconds at_least;
        std::chrono::milliseconds at_most;
    };
    const Case c = GENERATE(Case{"0", 1s, 10min},
                            Case{"-5", 1s, 10min},
                            Case{"soon", 1s, 11min},
                            Case{"315360000", 24h - 1s, 25h},
                            Case{"99999999999999999999999", 24h - 1s, 25h},
                            Case{"Fri, 01 Jan 2036 00:00:00 GMT", 24h - 1s, 25h});
    CAPTURE(c.value);
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::new_order)
        .once()
        .instead(problem(429, "rateLimited", "too many new orders").header("Retry-After", c.value));
    site.start();
    const WallTime begin = site.clock.now();

    REQUIRE(site.run_until_live(30h));
    const auto waited = site.clock.now() - begin;
    CHECK(waited >= c.at_least);
    CHECK(waited <= c.at_most);
    CHECK(site.log.count("ca_odd_retry_after") <= 1);
    CHECK(site.ca.seen.asked[Step::new_order] == 2);
}

TEST_CASE("A8: the answer to newOrder is cut off, and no second key comes of it") {
    const bool same_order = GENERATE(false, true);
    const std::size_t cut = GENERATE(0U, 20U);
    CAPTURE(same_order, cut);
    Site site;
    site.add({"a.example"});
    site.ca.manners.reuses_orders = same_order;
    site.ca.script.on(Step::new_order).once().changed([=](Reply& reply) {
        if (cut == 0)
            reply.lost = true;
        else
            reply.cut = cut;
    });
    site.start();

    REQUIRE(site.run_until_live(5min));
    CHECK(site.ca.seen.orders_made == (same_order ? 1 : 2));
    CHECK(site.ca.seen.finalized == 1);
    CHECK(site.ca.seen.account_keys.size() == 1);
    CHECK(site.stored("a.example").record.attempts == 0);
}

TEST_CASE("A9: after an answer to finalize that was lost, the order is asked first") {
    const bool restarted = GENERATE(false, true);
    CAPTURE(restarted);
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::finalize).once().changed([](Reply& reply) { reply.lost = true; });
    site.start();
    REQUIRE(site.run_until([&] { return site.ca.seen.finalized == 1; }, 1min));
    if (restarted) site.restart();

    REQUIRE(site.run_until_live(5min));
    CHECK(site.ca.seen.asked[Step::finalize] == 1);
    CHECK(site.ca.seen.asked[Step::order] >= 1);
    CHECK(site.ca.seen.finalized_twice == 0);
    CHECK(site.ca.seen.orders_made == 1);
}

TEST_CASE("A10: a download that breaks off is made again from the order's URL") {
    const bool restarted = GENERATE(false, true);
    CAPTURE(restarted);
    Site site;
    site.add({"a.example"});
    site.ca.script.on(Step::certificate).once().changed([](Reply& reply) { reply.cut = 300; });
    site.start();
    REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
    if (restarted) site.restart();

    REQUIRE(site.run_until_live(5min));
    CHECK(site.ca.seen.orders_made == 1);
    CHECK(site.ca.seen.issued == 1);
    CHECK(site.ca.seen.downloads == 2);
}

TEST_CASE("A11: a CA that takes 20 s over each answer still gives its certificates") {
    Site site;
    for (int i = 0; i < 20; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.ca.script.on_all().changed([](Reply& reply) { reply.delay = 20s; });
    site.start();

    REQUIRE(site.run_until_live(1h));
    CHECK(site.in_flight_max() <= 8);
    CHECK(site.log.count("order_failed") == 0);
    CHECK(site.log.count("ca_down") == 0);
    CHECK(site.ca.seen.orders_made == 20);
}

TEST_CASE("A11: a CA that takes longer than clientTimeout is away, and nobody's attempt") {
    Site site{Way::direct};
    site.add({"a.example"});
    site.ca.script.on_all().times(5).changed([](Reply& reply) { reply.delay = 40s; });
    site.start();
    site.run_for(25s);
    CHECK(site.log.count("ca_down") == 0);
    site.run_for(10s);
    CHECK(site.log.count("ca_down") == 1);

    REQUIRE(site.run_until_live(15min));
    CHECK(site.stored("a.example").record.attempts == 0);
}

TEST_CASE("A11: an answer that drips is given up at clientTimeout") {
    Site site;
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    // On the connection that is there: only the body takes its time. Real time, also of every other
    // exchange: longer than a machine may stand still.
    site.resolvers.at("le").client_timeout = 5s;
    site.ca.manners.reuses_orders = true;
    site.ca.script.on(Step::new_order).once().changed([](Reply& reply) { reply.drip = 50ms; });
    site.add({"b.example"});
    site.want();

    REQUIRE(site.run_until([&] { return site.log.count("ca_down") == 1; }, 1min));
    CHECK_THAT(down_because(site), ContainsSubstring("did not finish its answer"));
    REQUIRE(site.run_until_live(5min));
    CHECK(site.ca.seen.orders_made == 2);
}

TEST_CASE("A12: a CA with a dead IPv6 address is reached by the other") {
    Site site;
    const auto colon = site.ca.origin().rfind(':');
    const DeadAddress dead(
        static_cast<unsigned short>(std::stoi(site.ca.origin().substr(colon + 1))));
    site.add({"a.example"});
    const auto begin = std::chrono::steady_clock::now();
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.log.count("ca_down") == 0);
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE("A13: three days away across the renewal, and what waited is back within one probe") {
    Site site;
    site.ca.manners.lifetime = days{9};
    for (int i = 0; i < 10; ++i) site.add({"n" + std::to_string(i) + ".example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    site.run_for(days{3} + 12h);
    site.ca.down = true;
    site.run_for(days{3});
    CHECK(site.all_live());
    CHECK(site.log.count("ca_down") == 1);
    CHECK(site.log.count("order_failed") == 0);

    site.ca.down = false;
    CHECK(site.run_until([&] { return site.ca.seen.issued == 20; }, 6min + 10s));
    CHECK(site.log.count("ca_up") == 1);
}

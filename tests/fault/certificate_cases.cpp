// D: what the CA sends in the end.
#include "fault/support/site.hpp"
#include "support/catch.hpp"

using namespace mesh;
using namespace mesh::fault;

namespace {

/// A site with a live six-day certificate, half of whose life is over soon.
class Renewing : public Site {
 public:
    Renewing() {
        ca.manners.lifetime = days{6};
        add({"a.example", "www.a.example"});
        start();
        REQUIRE(run_until_live(1min));
        old = stored("a.example").version_id;
    }
    /// The renewal comes to nothing, for that reason, and the old certificate is served on.
    void is_refused(const std::string& why) {
        REQUIRE(run_until_failed(1, days{4}));
        CHECK(failure("type") == "mesh:unproven");
        CHECK_THAT(failure(), ContainsSubstring(why));
        CHECK(publisher->find("a.example")->entry->version == old);
        CHECK(stored("a.example").record.attempts == 1);
        CHECK_FALSE(order_of("a.example").has_value());
        run_for(40s);
        CHECK(ca.seen.orders_made == 2);
    }
    /// Another order mends it.
    void is_renewed() {
        REQUIRE(run_until([this] { return publisher->find("a.example")->entry->version != old; },
                          days{4}));
        CHECK(live("a.example"));
    }

    std::int64_t old = 0;
};

}  // namespace

TEST_CASE("D60: a certificate of another key is refused, the old one stays, one order mends it") {
    Renewing site;
    site.ca.spoil = [](Issuer::Leaf& leaf) { leaf.other_key = true; };

    site.is_refused("key");

    site.ca.spoil = {};
    site.is_renewed();
    CHECK(site.ca.seen.orders_made == 3);
}

TEST_CASE("D61: a certificate without one of our names is refused") {
    Renewing site;
    site.ca.spoil = [](Issuer::Leaf& leaf) { leaf.names.pop_back(); };

    site.is_refused("www.a.example");

    site.ca.spoil = {};
    site.is_renewed();
}

TEST_CASE("D61: a certificate with more names is taken, with a warning") {
    Renewing site;
    site.ca.spoil = [](Issuer::Leaf& leaf) { leaf.names.emplace_back("extra.example"); };

    site.is_renewed();

    CHECK_THAT(site.log.text(), ContainsSubstring("extra.example"));
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("D62: a chain out of order, with a duplicate, with the root, is put right") {
    using Compose = std::string (*)(const Issuer::Parts&);
    const Compose compose =
        GENERATE(Compose{[](const Issuer::Parts& p) { return p.intermediate + p.leaf; }},
                 Compose{[](const Issuer::Parts& p) { return p.leaf + p.leaf + p.intermediate; }},
                 Compose{[](const Issuer::Parts& p) { return p.root + p.intermediate + p.leaf; }},
                 Compose{[](const Issuer::Parts& p) { return p.leaf + p.intermediate + p.root; }});
    Site site;
    site.ca.compose = compose;
    site.add({"a.example"});
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.publisher->find("a.example")->credential->chain().size() == 2);
}

TEST_CASE("D62: a chain whose signatures do not hold is refused") {
    Renewing site;
    site.ca.compose = [](const Issuer::Parts& p) { return p.leaf + p.stranger; };

    site.is_refused("sign");

    site.ca.compose = {};
    site.is_renewed();
}

TEST_CASE("D63: a chain that ends in a root nobody else knows is a private CA's, and good") {
    Site site;
    site.add({"a.example"});
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.log.count("order_failed") == 0);
}

TEST_CASE("D64: a certificate that is over already is refused") {
    Renewing site;
    site.ca.spoil = [](Issuer::Leaf& leaf) {
        leaf.not_before -= days{200};
        leaf.not_after = leaf.not_before + days{90};
    };

    site.is_refused("expired");

    site.ca.spoil = {};
    site.is_renewed();
}

TEST_CASE("D64: a certificate that begins in an hour is held, and the old one serves until then") {
    Renewing site;
    site.ca.spoil = [](Issuer::Leaf& leaf) {
        leaf.not_before += 1h;
        leaf.not_after += 1h;
    };
    REQUIRE(site.run_until([&] { return site.log.count("certificate_held") == 1; }, days{4}));
    site.run_for(55min);
    CHECK(site.publisher->find("a.example")->entry->version == site.old);

    site.run_for(10min);
    CHECK(site.stored("a.example").version_id != site.old);
    CHECK(site.live("a.example"));
    CHECK(site.ca.seen.orders_made == 2);
}

TEST_CASE("D65: a much shorter life than the one before is told, and lived by") {
    Site site;
    site.ca.manners.lifetime = days{15};
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    site.ca.manners.lifetime = days{7};
    REQUIRE(site.run_until([&] { return site.ca.seen.issued == 2; }, days{11}));
    site.run_for(1min);

    CHECK_THAT(site.log.text(), ContainsSubstring("much shorter"));
    // Its middle.
    site.run_for(days{3});
    CHECK(site.ca.seen.issued == 2);
    CHECK(site.run_until([&] { return site.ca.seen.issued == 3; }, days{1}));
}

TEST_CASE("D66: a new certificate that ends before the one it would replace is not served") {
    Site site;
    site.ca.manners.lifetime = days{20};
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    const auto old = site.publisher->find("a.example")->entry->version;
    site.ca.manners.lifetime = days{2};
    // Due after 13 days and a third; what comes then ends after 15 and a third.
    site.run_for(days{16});

    CHECK(site.publisher->find("a.example")->entry->version == old);
    CHECK(site.ca.seen.issued == 2);  // not asked for again and again
    CHECK(site.log.count("order_failed") == 0);
    CHECK_THAT(site.stored("a.example").record.last_error->detail,
               ContainsSubstring("ends before"));
    site.restart();
    REQUIRE(site.run_until([&] { return site.publisher->find("a.example")->entry->version != old; },
                           days{4}));
    CHECK(site.ca.seen.issued <= 4);
    CHECK(site.live("a.example"));
}

TEST_CASE("D66: a shorter life that was asked for with another profile is served") {
    Site site;
    site.ca.manners.lifetime = days{20};
    site.ca.manners.profiles = {"shortlived"};
    site.add({"a.example"});
    site.start();
    REQUIRE(site.run_until_live(1min));
    site.ca.manners.lifetime = days{2};
    site.wanted.certificates[0].profile = "shortlived";
    site.want();

    CHECK(site.run_until([&] { return site.publisher->puts == 2; }, days{14}));
    CHECK(site.publisher->find("a.example")->entry->not_after < site.clock.now() + days{3});
}

TEST_CASE("D67: the common name is nobody's name") {
    Site site;
    site.ca.manners.lifetime = days{9};
    site.ca.spoil = [](Issuer::Leaf& leaf) { leaf.common_name = "Strange & Sons, *.example"; };
    site.add({"a.example"});
    site.start();

    REQUIRE(site.run_until_live(1min));
    site.run_for(days{4});
    CHECK(site.ca.seen.orders_made == 1);
}

TEST_CASE("D69: PEM as people write it: CRLF, comments, other blocks") {
    Site site;
    site.ca.compose = [](const Issuer::Parts& parts) {
        std::string text = "# issued with love\n" + parts.leaf +
                           "-----BEGIN NOTE-----\naGk=\n-----END NOTE-----\n\nsubject=CN\n" +
                           parts.intermediate + "\n\n";
        for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
            text.insert(at, "\r");
        return text;
    };
    site.add({"a.example"});
    site.start();

    REQUIRE(site.run_until_live(1min));
    CHECK(site.publisher->find("a.example")->credential->chain().size() == 2);
}

TEST_CASE("D70: a certificate that TLS itself refuses is not served, and another is ordered") {
    Renewing site;
    site.ca.spoil = [](Issuer::Leaf& leaf) { leaf.for_clients = true; };

    site.is_refused("handshake");

    site.ca.spoil = {};
    site.is_renewed();
}

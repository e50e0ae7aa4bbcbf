#include "support/catch.hpp"
#include "wanted_build.hpp"

#include <ctime>

using namespace mesh::model;
using namespace mesh::model::test;

TEST_CASE("wanted: a rule's positive names make one certificate, in order", "[wanted]") {
    struct Row {
        std::string rule;
        std::vector<Names> orders;
    };
    const Row rows[] = {
        {"HostSNI(`example.com`)", {{"example.com"}}},
        {"hostsni(`example.com`)", {{"example.com"}}},
        {"HostSNI(`Example.COM`)", {{"example.com"}}},
        {"HostSNI(`a.x`) || HostSNI(`b.x`)", {{"a.x", "b.x"}}},
        {"HostSNI(`b.x`) || HostSNI(`a.x`)", {{"b.x", "a.x"}}},
        {"HostSNI(`a.x`) || HostSNI(`a.x`)", {{"a.x"}}},
        {"HostSNI(`a.x`) || HostSNI(`A.X`)", {{"a.x"}}},
        {"HostSNI(`a.x`) || !HostSNI(`b.x`)", {{"a.x"}}},
        {"HostSNI(`a.x`) && HostSNI(`*`)", {{"a.x"}}},
        {"!(!HostSNI(`a.x`))", {{"a.x"}}},
        {"HostSNI(`*.a.b`)", {{"*.a.b"}}},
        {"!HostSNI(`a.x`)", {}},
        {"HostSNI(`*`)", {}},
        {"!HostSNI(`*`)", {}},
        {"HostSNIRegexp(`^[a-z]+\\.x$`)", {}},
        {"!HostSNIRegexp(`^[a-z]+\\.x$`)", {}},
        {"ClientIP(`10.0.0.0/8`) || ALPN(`h2`)", {}},
        {"HostSNI(`a.x`) || HostSNIRegexp(`b`)", {{"a.x"}}},
        {"HostSNI(`a.x`) && ClientIP(`10.0.0.0/8`) && !ALPN(`h2`)", {{"a.x"}}},
        {"Host(`a.x`) || HostSNI(`b\u00fccher.x`)", {{"a.x", "xn--bcher-kva.x"}}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.rule);
        const WantedSet wanted = Build().router("r", row.rule).wanted();

        CHECK(orders(wanted) == row.orders);
        CHECK(wanted.not_ordered.empty() == !row.orders.empty());
    }
}

TEST_CASE("wanted: a router that names nobody is reported with the reason", "[wanted]") {
    const WantedSet wanted = Build().router("all", "HostSNI(`*`)").wanted();

    REQUIRE(wanted.not_ordered.size() == 1);
    CHECK(wanted.not_ordered[0].router == "all");
    CHECK(wanted.not_ordered[0].resolver == "le");
    CHECK(wanted.not_ordered[0].reason ==
          "its rule names no host to order for: HostSNI(`*`), HostSNIRegexp and negated names give "
          "none; list the names in tls.domains");
}

TEST_CASE("wanted: domains replace the names of the rule, entry by entry", "[wanted]") {
    const WantedSet wanted =
        Build()
            .router(
                "r", "HostSNI(`other.x`)", {{"mail.x", "imap.x", "smtp.x"}, {"b.x", "a.x", "b.x"}})
            .wanted();

    CHECK(orders(wanted) == std::vector<Names>{{"b.x", "a.x"}, {"mail.x", "imap.x", "smtp.x"}});
    CHECK(wanted.certificates[0].key.names == Names{"a.x", "b.x"});
    CHECK(wanted.certificates[0].key.directory == "https://ca.example/dir");
    CHECK(wanted.certificates[1].key.names_text() == "imap.x, mail.x, smtp.x");
    CHECK(wanted.not_ordered.empty());
}

TEST_CASE("wanted: only routers with a resolver want anything", "[wanted]") {
    const WantedSet wanted =
        Build().router("tls", "HostSNI(`a.x`)", {}, "").plain("plain", "HostSNI(`*`)").wanted();

    CHECK(wanted.certificates.empty());
    CHECK(wanted.not_ordered.empty());
}

TEST_CASE("wanted: equal sets of two routers are one certificate with both", "[wanted]") {
    const WantedSet wanted = Build()
                                 .router("z", "HostSNI(`a.x`) || HostSNI(`b.x`)")
                                 .router("m", "HostSNI(`b.x`) || HostSNI(`a.x`)")
                                 .wanted();

    REQUIRE(wanted.certificates.size() == 1);
    CHECK(wanted.certificates[0].routers == Names{"m", "z"});
    CHECK(orders(wanted) == std::vector<Names>{{"b.x", "a.x"}});  // as the first router says
    CHECK(wanted.certificates[0].resolver == "le");
    CHECK(wanted.certificates[0].key_type == KeyType::ec256);
    CHECK(wanted.certificates[0].profile == "p-le");
    CHECK(wanted.not_ordered.empty());
}

TEST_CASE("wanted: a set that another set of the resolver covers makes no order", "[wanted]") {
    struct Row {
        std::string what;
        std::vector<Names> domains;
        std::vector<Names> orders;
    };
    const Row rows[] = {
        {"unrelated sets stay",
         {{"acme.wtf", "traefik.acme.wtf", "foo.bar"}, {"*.foo.acme.wtf"}, {"acme02.wtf"}},
         {{"*.foo.acme.wtf"}, {"acme.wtf", "traefik.acme.wtf", "foo.bar"}, {"acme02.wtf"}}},
        {"a subset goes", {{"acme.wtf"}, {"*.acme.wtf", "acme.wtf"}}, {{"*.acme.wtf", "acme.wtf"}}},
        {"equal entries are one", {{"a.x", "b.x"}, {"b.x", "a.x"}}, {{"a.x", "b.x"}}},
        {"equal names in another case are one", {{"ACME.wtf"}, {"acme.wtf"}}, {{"acme.wtf"}}},
        {"the smaller of two goes, whichever comes first",
         {{"acme.wtf", "t.acme.wtf"}, {"acme.wtf", "t.acme.wtf", "foo.bar"}},
         {{"acme.wtf", "t.acme.wtf", "foo.bar"}}},
        {"a wildcard covers one label",
         {{"who.acme.wtf", "t.acme.wtf"}, {"*.acme.wtf"}},
         {{"*.acme.wtf"}}},
        {"a wildcard does not cover its parent",
         {{"acme.wtf"}, {"*.acme.wtf"}},
         {{"*.acme.wtf"}, {"acme.wtf"}}},
        {"a wildcard does not cover two labels",
         {{"a.b.acme.wtf"}, {"*.acme.wtf"}},
         {{"*.acme.wtf"}, {"a.b.acme.wtf"}}},
        {"a wildcard covers itself", {{"*.a.x", "a.x"}, {"*.a.x"}}, {{"*.a.x", "a.x"}}},
        {"a wildcard among the SANs of a later entry covers too",
         {{"a.acme.wtf"}, {"acme.wtf", "*.acme.wtf"}},
         {{"acme.wtf", "*.acme.wtf"}}},
        {"one partly covered is ordered whole",
         {{"t.acme.wtf", "acme.wtf", "foo.bar"}, {"*.acme.wtf"}},
         {{"*.acme.wtf"}, {"t.acme.wtf", "acme.wtf", "foo.bar"}}},
        {"a wildcard and a name under it in one set stay as they are",
         {{"*.traefik.wtf", "foo.traefik.wtf"}},
         {{"*.traefik.wtf", "foo.traefik.wtf"}}},
        {"two sets that cover each other: the larger stays",
         {{"*.a.x"}, {"*.a.x", "b.a.x"}},
         {{"*.a.x", "b.a.x"}}},
        {"names spread over two other sets are not covered by one",
         {{"a.x", "b.x"}, {"b.x", "c.x"}, {"a.x", "c.x"}},
         {{"a.x", "b.x"}, {"a.x", "c.x"}, {"b.x", "c.x"}}},
        {"a chain of sets leaves the last",
         {{"a.x"}, {"a.x", "b.x"}, {"a.x", "b.x", "c.x"}},
         {{"a.x", "b.x", "c.x"}}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Build one;
        one.router("r", "HostSNI(`*`)", row.domains);
        Build many;
        for (std::size_t i = 0; i < row.domains.size(); ++i)
            many.router("r" + std::to_string(i), "HostSNI(`*`)", {row.domains[i]});

        CHECK(orders(one.wanted()) == row.orders);
        CHECK(orders(many.wanted()) == row.orders);
    }
}

TEST_CASE("wanted: the default certificate is one like any other", "[wanted]") {
    const WantedSet alone = Build().by_default({"main.example", "more.example"}).wanted();
    REQUIRE(alone.certificates.size() == 1);
    CHECK(alone.certificates[0].routers == Names{"tls.stores.default"});
    CHECK(alone.certificates[0].names == patterns({"main.example", "more.example"}));

    const WantedSet shared =
        Build().router("a", "HostSNI(`main.example`)").by_default({"main.example"}).wanted();
    REQUIRE(shared.certificates.size() == 1);
    CHECK(shared.certificates[0].routers == Names{"a", "tls.stores.default"});

    const WantedSet covered = Build()
                                  .router("a", "HostSNI(`main.example`) || HostSNI(`b.example`)")
                                  .by_default({"main.example"})
                                  .wanted();
    CHECK(covered.certificates.size() == 1);
    REQUIRE(covered.not_ordered.size() == 1);
    CHECK(covered.not_ordered[0].router == "tls.stores.default");
}

TEST_CASE("wanted: a covered router is reported with the certificate that serves it", "[wanted]") {
    const WantedSet wanted = Build()
                                 .router("small", "HostSNI(`a.x`)")
                                 .router("middle", "HostSNI(`a.x`) || HostSNI(`b.x`)")
                                 .router("large", "HostSNI(`*`)", {{"c.x", "b.x", "a.x"}})
                                 .wanted();

    REQUIRE(wanted.not_ordered.size() == 2);
    CHECK(wanted.not_ordered[0].router == "middle");
    CHECK(wanted.not_ordered[1].router == "small");
    for (const NotOrdered& skipped : wanted.not_ordered)
        CHECK(skipped.reason == "every name is covered by the certificate for a.x, b.x, c.x");
}

TEST_CASE("wanted: certificates from files cover names", "[wanted]") {
    struct Row {
        std::string what;
        std::vector<Names> wanted;
        std::vector<Names> files;
        std::vector<Names> orders;
    };
    const Row rows[] = {
        {"nothing there", {{"*.t.wtf"}}, {}, {{"*.t.wtf"}}},
        {"the same wildcard", {{"*.t.wtf"}}, {{"*.t.wtf"}}, {}},
        {"under a wildcard", {{"who.t.wtf", "foo.t.wtf"}}, {{"*.t.wtf"}}, {}},
        {"spread over two files", {{"a.x", "b.x"}}, {{"a.x"}, {"b.x", "c.x"}}, {}},
        {"part of it", {{"t.wtf", "foo.t.wtf"}}, {{"t.wtf"}}, {{"t.wtf", "foo.t.wtf"}}},
        {"not the parent", {{"t.wtf", "foo.t.wtf"}}, {{"*.t.wtf"}}, {{"t.wtf", "foo.t.wtf"}}},
        {"a file and another set together",
         {{"a.x", "f.x"}, {"a.x", "b.x"}},
         {{"f.x"}},
         {{"a.x", "b.x"}}},
        {"sets that differ in names from files only: the first stays",
         {{"a.x", "f.x"}, {"a.x", "g.x"}},
         {{"f.x", "g.x"}},
         {{"a.x", "f.x"}}},
        {"a single label", {{"localhost"}}, {{"localhost"}}, {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        CHECK(orders(Build().router("r", "HostSNI(`*`)", row.wanted).wanted(row.files)) ==
              row.orders);
    }
    const WantedSet covered = Build().router("r", "HostSNI(`a.x`)").wanted({{"a.x"}});
    REQUIRE(covered.not_ordered.size() == 1);
    CHECK(covered.not_ordered[0].reason ==
          "every name is covered by a certificate from tls.certificates");
}

TEST_CASE("wanted: the certificate of another directory covers nothing", "[wanted]") {
    // D60 of tests/traefik.
    const WantedSet wanted = Build()
                                 .resolver("other", "https://other.example/dir")
                                 .router("one", "HostSNI(`a.x`)")
                                 .router("two", "HostSNI(`a.x`) || HostSNI(`b.x`)", {}, "other")
                                 .wanted();

    CHECK(orders(wanted) == std::vector<Names>{{"a.x"}, {"a.x", "b.x"}});
    CHECK(wanted.certificates[0].resolver == "le");
    CHECK(wanted.certificates[1].resolver == "other");
    CHECK(wanted.certificates[1].key.directory == "https://other.example/dir");
}

TEST_CASE("wanted: one directory and one name set are one certificate", "[wanted]") {
    const WantedSet wanted = Build()
                                 .resolver("le2", "https://ca.example/dir", KeyType::ec384)
                                 .router("b", "HostSNI(`a.x`)")
                                 .router("a", "HostSNI(`a.x`)", {}, "le2")
                                 .wanted();

    REQUIRE(wanted.certificates.size() == 1);
    CHECK(wanted.certificates[0].resolver == "le");
    CHECK(wanted.certificates[0].key_type == KeyType::ec256);
    CHECK(wanted.certificates[0].routers == Names{"a", "b"});
}

TEST_CASE("wanted: fifty thousand routers are weighed in a moment", "[wanted]") {
    Build build;
    for (int i = 0; i < 50'000; ++i) {
        const std::string n = std::to_string(i);
        build.router("r" + n, "HostSNI(`h" + n + ".x`) || HostSNI(`w" + n + ".x`)");
    }
    const std::clock_t began = std::clock();
    const WantedSet wanted = build.wanted();

    CHECK(wanted.certificates.size() == 50'000);
    CHECK((std::clock() - began) / CLOCKS_PER_SEC < 20);
}

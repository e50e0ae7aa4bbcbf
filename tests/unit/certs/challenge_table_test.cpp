#include "certs/challenge_table.hpp"

#include "support/catch.hpp"

using namespace mesh;

TEST_CASE("challenge table: a name is answered from put to remove, and no other is") {
    const Hostname shop = *Hostname::parse("shop.example");
    const Hostname www = *Hostname::parse("www.shop.example");
    const auto first = *tls::make_default_credential(SystemClock().now());
    const auto second = *tls::make_default_credential(SystemClock().now());
    certs::ChallengeTable table;

    table.put(shop, first);
    CHECK(table.find(shop) == first);
    CHECK(table.find(*Hostname::parse("SHOP.example.")) == first);
    CHECK(table.find(www) == nullptr);

    table.put(shop, second);  // a new attempt for the same name
    CHECK(table.find(shop) == second);
    CHECK(table.size() == 1);

    table.remove(www);
    table.remove(shop);
    CHECK(table.find(shop) == nullptr);
    CHECK(table.size() == 0);
}

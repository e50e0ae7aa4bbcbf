#include "base/ip_network.hpp"

#include "support/catch.hpp"

using mesh::IpAddress;
using mesh::IpNetwork;

namespace {

IpNetwork network(std::string_view text) {
    auto parsed = IpNetwork::parse(text);
    if (!parsed) FAIL(text << ": " << parsed.error().message);
    return *parsed;
}

IpAddress address(std::string_view text) {
    const auto parsed = IpAddress::parse(text);
    if (!parsed) FAIL(text);
    return *parsed;
}

}  // namespace

TEST_CASE("ip network: holds the addresses that share its prefix", "[ip_network]") {
    struct Case {
        const char* network;
        const char* address;
        bool expected;
    };
    const Case cases[] = {
        {"20.20.20.20", "20.20.20.20", true},
        {"20.20.20.20", "20.20.20.21", false},
        {"20.20.20.20/24", "20.20.20.40", true},
        {"20.20.20.20/24", "20.20.21.40", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"10::10", "10::10", true},
        {"11::/16", "11::9", true},
        {"11::/16", "10::9", false},
        {"2001:db8::/65", "2001:db8::7fff:0:0:1", true},
        {"2001:db8::/65", "2001:db8:0:0:8000::1", false},
        // One client, two ways to write its address.
        {"10.0.0.1", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.1", "10.0.0.1", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"::ffff:0:0/96", "203.0.113.9", true},
        {"::ffff:0:0/90", "203.0.113.9", false},
    };
    for (const Case& c : cases) {
        CAPTURE(c.network, c.address);
        CHECK(network(c.network).contains(address(c.address)) == c.expected);
    }
}

TEST_CASE("ip network: holds the networks within it", "[ip_network]") {
    CHECK(network("10.0.0.0/8").contains(network("10.1.0.0/16")));
    CHECK(network("10.0.0.0/8").contains(network("10.0.0.0/8")));
    CHECK(network("10.0.0.0/8").contains(network("10.1.2.3")));
    CHECK_FALSE(network("10.1.0.0/16").contains(network("10.0.0.0/8")));
    CHECK_FALSE(network("10.0.0.0/8").contains(network("11.0.0.0/16")));
    CHECK_FALSE(network("::/0").contains(network("10.0.0.0/8")));
}

TEST_CASE("ip network: is shown in its canonical spelling", "[ip_network]") {
    CHECK(network("20.20.20.20/24").text() == "20.20.20.0/24");
    CHECK(network("2001:DB8:0::1/32").text() == "2001:db8::/32");
    CHECK(network("192.0.2.1/32").text() == "192.0.2.1");
    CHECK(network("::ffff:10.1.2.3/104").text() == "10.0.0.0/8");
    CHECK(network("::1").text() == "::1");
}

TEST_CASE("ip network: anything else is an error", "[ip_network]") {
    for (const char* text : {"",
                             "invalid",
                             "10.1",
                             "10.0.0.1/",
                             "10.0.0.1/33",
                             "10.0.0.1/-1",
                             "10.0.0.1/8/8",
                             "10.0.0.1/ 8",
                             "::1/129",
                             "::1/1280",
                             "fe80::1%lo",
                             "[::1]",
                             "/8",
                             "10.0.0.01",
                             " 10.0.0.1",
                             "10.0.0.0/0x8",
                             "10.0.0.1/+8"}) {
        CAPTURE(text);
        CHECK_FALSE(IpNetwork::parse(text).has_value());
    }
    CHECK_FALSE(IpNetwork::parse(std::string_view("10.0.0.1\0x", 10)).has_value());
}

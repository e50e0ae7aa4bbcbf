#include "config/address.hpp"

#include "config/public_names.hpp"
#include "support/catch.hpp"

using namespace mesh::config;

TEST_CASE("address: listening takes IP literals, or every address", "[config][address]") {
    struct Row {
        const char* text;
        const char* host;
        std::uint16_t port;
    };
    const Row rows[] = {
        {":443", "", 443},
        {":443/tcp", "", 443},
        {"192.0.2.1:65535", "192.0.2.1", 65535},
        {"0.0.0.0:1", "0.0.0.0", 1},
        {"[::1]:8443", "::1", 8443},
        {"[2001:DB8:0:0::1]:443/tcp", "2001:db8::1", 443},
        {"[::ffff:192.0.2.1]:443", "::ffff:192.0.2.1", 443},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto address = parse_listen_address(row.text);
        REQUIRE(address.has_value());
        CHECK(address->host == row.host);
        CHECK(address->port == row.port);
    }
}

TEST_CASE("address: servers are IP literals or host names", "[config][address]") {
    struct Row {
        const char* text;
        const char* host;
        std::uint16_t port;
    };
    const Row rows[] = {
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"[::1]:80", "::1", 80},
        {"localhost:80", "localhost", 80},
        {"DB_1.Internal.:5432", "db_1.internal", 5432},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto address = parse_server_address(row.text);
        REQUIRE(address.has_value());
        CHECK(address->host == row.host);
        CHECK(address->port == row.port);
    }
    CHECK_FALSE(parse_server_address("").has_value());
    CHECK_FALSE(parse_server_address("a.example:+80").has_value());
    CHECK_FALSE(parse_server_address("a.example: 80").has_value());
}

TEST_CASE("address: one CA directory has one spelling", "[config][address]") {
    CHECK(parse_https_url("https://ca.example/dir").value() == "https://ca.example/dir");
    CHECK(parse_https_url("HTTPS://CA.Example:443/Dir?x=Y").value() ==
          "https://ca.example/Dir?x=Y");
    CHECK(parse_https_url("https://localhost:14000/dir").value() == "https://localhost:14000/dir");
    CHECK(parse_https_url("https://[::1]:14000/dir").value() == "https://[::1]:14000/dir");
    CHECK(parse_https_url("https://[0::1]/dir").value() == "https://[::1]/dir");
    CHECK(parse_https_url("https://127.0.0.1").value() == "https://127.0.0.1");
    CHECK_FALSE(parse_https_url("https://" + std::string(2048, 'a')).has_value());

    CHECK(host_of_url("https://ca.example/dir") == "ca.example");
    CHECK(host_of_url("https://ca.example:14000?x") == "ca.example");
    CHECK(host_of_url("https://[::1]:14000/dir") == "::1");
    CHECK(host_of_url("https://[::1]") == "::1");
}

TEST_CASE("public names: which CA is a public one", "[config][address]") {
    CHECK(is_lets_encrypt(lets_encrypt_directory));
    CHECK(is_lets_encrypt(lets_encrypt_staging_directory));
    CHECK_FALSE(is_lets_encrypt("https://letsencrypt.org.evil.example/directory"));
    CHECK_FALSE(is_lets_encrypt("https://notletsencrypt.org/directory"));

    CHECK(is_public_ca(lets_encrypt_directory));
    CHECK(is_public_ca("https://acme.zerossl.com/v2/DV90"));
    CHECK_FALSE(is_public_ca("https://localhost:14000/dir"));
    CHECK_FALSE(is_public_ca("https://127.0.0.1:14000/dir"));
    CHECK_FALSE(is_public_ca("https://[::1]:14000/dir"));
    CHECK_FALSE(is_public_ca("https://pebble:14000/dir"));
    CHECK_FALSE(is_public_ca("https://ca.internal/dir"));
}

TEST_CASE("public names: which names a public CA refuses", "[config][address]") {
    const auto reason = [](const char* name) {
        return std::string(not_public_reason(*mesh::Hostname::parse(name)));
    };
    CHECK(reason("shop.example.com").empty());
    CHECK(reason("shop.example").empty());
    CHECK(reason("xn--bcher-kva.example").empty());
    CHECK_FALSE(reason("shop").empty());
    CHECK_FALSE(reason("shop.local").empty());
    CHECK_FALSE(reason("a.b.internal").empty());
    CHECK_FALSE(reason("a_b.example.com").empty());
}

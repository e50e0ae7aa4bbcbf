#include "model/configuration.hpp"

#include "support/catch.hpp"

using namespace mesh::model;

TEST_CASE("model: addresses are written as people write them", "[model]") {
    CHECK(ListenAddress{"", 443}.text() == ":443");
    CHECK(ListenAddress{"192.0.2.1", 443}.text() == "192.0.2.1:443");
    CHECK(ListenAddress{"::1", 8443}.text() == "[::1]:8443");
    CHECK(Server{"db.internal", 5432, {}}.text() == "db.internal:5432");
    CHECK(Server{"2001:db8::7", 5432, {}}.text() == "[2001:db8::7]:5432");
}

TEST_CASE("model: key types are spelt as in the configuration", "[model]") {
    CHECK(to_string(KeyType::ec256) == "EC256");
    CHECK(to_string(KeyType::ec384) == "EC384");
    CHECK(to_string(KeyType::rsa2048) == "RSA2048");
    CHECK(to_string(KeyType::rsa4096) == "RSA4096");
}

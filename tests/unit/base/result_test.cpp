#include "base/result.hpp"

#include "support/catch.hpp"

using mesh::Errc;
using mesh::Error;
using mesh::Origin;

TEST_CASE("error: context goes in front, one layer at a time", "[result]") {
    const Error inner{Errc::timeout, Origin::upstream, "no answer within 3s"};

    const Error outer =
        mesh::with_context("service shop", mesh::with_context("connect 10.0.0.7:443", inner));
    CHECK(outer.message == "service shop: connect 10.0.0.7:443: no answer within 3s");
    CHECK(outer.code == Errc::timeout);
    CHECK(outer.origin == Origin::upstream);
}

TEST_CASE("result: asking an error for its value throws with the message", "[result]") {
    const mesh::Result<int> failed = Error{Errc::invalid, Origin::config, "bad number"};

    CHECK_THROWS_WITH(failed.value(), "bad number");
    const mesh::Status status = Error{Errc::io, Origin::internal, "disk"};
    CHECK(status.has_error());
}

TEST_CASE("error: codes and origins have names for logs", "[result]") {
    CHECK(to_string(Errc::not_found) == "not_found");
    CHECK(to_string(Errc::full) == "full");
    CHECK(to_string(Origin::ca) == "ca");
    CHECK(to_string(Origin::client) == "client");
}

#include "rules/rank.hpp"

#include "support/catch.hpp"

using mesh::rules::Rank;
using mesh::rules::Rule;

namespace {

Rank rank(std::string_view rule,
          std::optional<std::int64_t> priority = std::nullopt,
          std::string provider = "file",
          std::string router = "r") {
    return {*Rule::parse(rule), priority, std::move(provider), std::move(router)};
}

}  // namespace

TEST_CASE("rank: without a priority the rule's length in bytes counts", "[rank]") {
    CHECK(rank("HostSNI(`example.org`)").priority() == 22);
    CHECK(rank(" HostSNI(`example.org`)\n").priority() == 24);
    CHECK(rank("HostSNI(`*`)").priority() == -1);
    CHECK(rank("  HostSNI( `*` )  ").priority() == -1);
    CHECK(rank("HostSNI(`*`) || HostSNI(`*`)").priority() == 28);
    CHECK(rank("HostSNI(`example.org`)", 0).priority() == 22);
}

TEST_CASE("rank: an explicit priority replaces the length", "[rank]") {
    CHECK(rank("HostSNI(`*`)", 7).priority() == 7);
    CHECK(rank("HostSNI(`example.org`)", -5).priority() == -5);
    CHECK(rank("HostSNI(`*`)", 23).outranks(rank("HostSNI(`example.org`)")));
    CHECK(rank("HostSNI(`*`)").outranks(rank("HostSNI(`example.org`)", -5)));
}

TEST_CASE("rank: ties are broken by specificity, then provider, then router", "[rank]") {
    const Rank exact = rank("HostSNI(`abc.x`)", 10, "z", "z");
    const Rank wildcard = rank("HostSNI(`*.x`)", 10, "a", "a");
    CHECK(exact.outranks(wildcard));
    CHECK_FALSE(wildcard.outranks(exact));

    const Rank docker = rank("HostSNI(`a.x`)", 10, "docker", "z");
    const Rank file = rank("HostSNI(`a.x`)", 10, "file", "a");
    CHECK(file.outranks(docker));
    CHECK_FALSE(docker.outranks(file));
    const Rank consul = rank("HostSNI(`a.x`)", 10, "consulcatalog", "z");
    CHECK(consul.outranks(docker));
    CHECK_FALSE(docker.outranks(consul));

    const Rank first = rank("HostSNI(`a.x`)", 10, "file", "a");
    const Rank second = rank("HostSNI(`a.x`)", 10, "file", "b");
    CHECK(first.outranks(second));
    CHECK_FALSE(second.outranks(first));
}

TEST_CASE("rank: nothing outranks itself", "[rank]") {
    const Rank one = rank("HostSNI(`a.x`)");

    CHECK_FALSE(one.outranks(one));
    CHECK(one == rank("HostSNI(`b.x`)"));
}

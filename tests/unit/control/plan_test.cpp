#include "control/plan.hpp"

#include "control/schedule.hpp"
#include "support/catch.hpp"
#include "unit/control/support/facts.hpp"

using namespace mesh;
using namespace mesh::control;
using namespace mesh::control::test;

namespace {

const WallTime now = at("2026-06-01T12:00:00Z");
const std::string directory = "https://ca.test/dir";

model::WantedCertificate wanted(const std::vector<std::string>& names) {
    model::WantedCertificate certificate;
    certificate.key = {directory, names};
    for (const auto& name : names) certificate.names.push_back(HostPattern::parse(name).value());
    certificate.resolver = "le";
    certificate.routers = {"shop"};
    return certificate;
}

store::StoredCertificate stored(const std::vector<std::string>& names,
                                std::optional<store::VersionFacts> version) {
    store::StoredCertificate certificate;
    certificate.record.key = {directory, names};
    certificate.record.ordered_names = names;
    certificate.record.resolver = "le";
    certificate.version = std::move(version);
    return certificate;
}

}  // namespace

TEST_CASE("plan: a certificate that is not there is ordered at once") {
    const auto result = plan({{wanted({"a.example", "b.example"})}, {}}, {}, {}, {}, now);

    REQUIRE(result.certificates.size() == 1);
    const PlanLine& line = result.certificates[0];
    CHECK(line.names == std::vector<std::string>{"a.example", "b.example"});
    CHECK(line.directory == directory);
    CHECK(line.resolver == "le");
    CHECK(line.routers == std::vector<std::string>{"shop"});
    CHECK(to_string(line.state) == "missing");
    CHECK(to_string(line.next_action) == "order");
    CHECK(line.next_at == now);
}

TEST_CASE("plan: asked otherwise, our wait is over and the CA's is not") {
    auto row = stored({"a.example"}, std::nullopt);
    row.record.attempts = 2;
    row.record.state = "RSA2048";
    row.record.next_at = now + 5h;
    row.record.last_error = store::LastError{"urn:ietf:params:acme:error:dns", "NXDOMAIN", now};
    CHECK(plan({{wanted({"a.example"})}, {}}, {row}, {}, {}, now).certificates.at(0).next_at ==
          now);

    row.record.last_error->type = "urn:ietf:params:acme:error:rateLimited";
    CHECK(plan({{wanted({"a.example"})}, {}}, {row}, {}, {}, now).certificates.at(0).next_at ==
          now + 5h);
}

TEST_CASE("plan: a valid certificate is renewed when its time comes") {
    const auto version = a_version(now - days{10}, days{90});
    const auto result =
        plan({{wanted({"a.example"})}, {}}, {stored({"a.example"}, version)}, {}, {}, now);

    const PlanLine& line = result.certificates.at(0);
    CHECK(to_string(line.state) == "valid");
    CHECK(to_string(line.next_action) == "renew");
    CHECK(line.next_at == renewal_time(version));
    CHECK(line.serial == version.serial);
    CHECK(line.not_after == version.not_after);
    CHECK(line.notes.empty());
}

TEST_CASE("plan: an expired one is ordered at once, a failed one after its wait") {
    auto expired = stored({"a.example"}, a_version(now - days{91}, days{90}));
    auto failed = stored({"b.example"}, std::nullopt);
    failed.record.attempts = 2;
    failed.record.state = "EC256";
    failed.record.next_at = now + 9min;
    failed.record.last_error = store::LastError{"urn:ietf:params:acme:error:dns", "NXDOMAIN", now};

    const auto result =
        plan({{wanted({"a.example"}), wanted({"b.example"})}, {}}, {expired, failed}, {}, {}, now);

    CHECK(to_string(result.certificates.at(0).state) == "expired");
    CHECK(result.certificates.at(0).next_at == now);
    CHECK(result.certificates.at(1).next_at == now + 9min);
    CHECK(result.certificates.at(1).attempts == 2);
    CHECK(result.certificates.at(1).last_error->detail == "NXDOMAIN");
}

TEST_CASE("plan: a wait earned with another profile does not hold any more") {
    auto failed = stored({"b.example"}, std::nullopt);
    failed.record.attempts = 4;
    failed.record.state = "EC256 tlsserver";
    failed.record.next_at = now + 5h;

    const auto result = plan({{wanted({"b.example"})}, {}}, {failed}, {}, {}, now);

    CHECK(result.certificates.at(0).next_at == now);
}

TEST_CASE("plan: an open order goes on") {
    store::OrderRecord order;
    order.key = {directory, {"a.example"}};

    const auto result = plan(
        {{wanted({"a.example"})}, {}}, {stored({"a.example"}, std::nullopt)}, {}, {order}, now);

    CHECK(to_string(result.certificates.at(0).next_action) == "continue_order");
    CHECK(result.certificates.at(0).next_at == now);
}

TEST_CASE("plan: a CA that asked for patience moves what is due, with the reason") {
    const store::AuthorityRecord limited{directory, now + 3h, "too many new orders"};

    const auto result = plan({{wanted({"a.example"})}, {}}, {}, {limited}, {}, now);

    CHECK(result.certificates.at(0).next_at == now + 3h);
    REQUIRE(result.certificates.at(0).notes.size() == 1);
    CHECK_THAT(result.certificates.at(0).notes[0], ContainsSubstring("too many new orders"));
}

TEST_CASE("plan: key type and profile change at the next renewal, and the plan says so") {
    auto item = wanted({"a.example"});
    item.key_type = model::KeyType::rsa4096;
    item.profile = "shortlived";

    const auto result = plan(
        {{item}, {}}, {stored({"a.example"}, a_version(now - days{1}, days{90}))}, {}, {}, now);

    const auto& notes = result.certificates.at(0).notes;
    REQUIRE(notes.size() == 2);
    CHECK(notes[0] == "keyType changes from EC256 to RSA4096 at the next renewal");
    CHECK(notes[1] == "profile changes to shortlived at the next renewal");
    CHECK(result.certificates.at(0).next_at > now);
}

TEST_CASE("plan: what no router wants is listed last with the day it goes") {
    const auto result = plan({{wanted({"b.example"})}, {{"r", "le", "no names"}}},
                             {stored({"a.example"}, a_version(now - days{10}, days{90}))},
                             {},
                             {},
                             now);

    REQUIRE(result.certificates.size() == 2);
    CHECK(to_string(result.certificates[1].state) == "unwanted");
    CHECK(to_string(result.certificates[1].next_action) == "remove");
    CHECK(result.certificates[1].next_at == now + days{80} + days{30});
    REQUIRE(result.not_ordered.size() == 1);
    CHECK(result.not_ordered[0].reason == "no names");
}

TEST_CASE("plan: another directory is another certificate") {
    auto item = wanted({"a.example"});
    item.key.directory = "https://other.test/dir";

    const auto result =
        plan({{item}, {}}, {stored({"a.example"}, a_version(now, days{90}))}, {}, {}, now);

    REQUIRE(result.certificates.size() == 2);
    CHECK(to_string(result.certificates[0].state) == "missing");
    CHECK(to_string(result.certificates[1].state) == "unwanted");
}

TEST_CASE("plan: the store alone tells what it holds, when nobody has a configuration") {
    auto gone = stored({"b.example"}, a_version(now - days{10}, days{90}));
    gone.record.unwanted_since = now - days{1};

    const auto result = plan_of_stored(
        {gone, stored({"a.example"}, a_version(now - days{10}, days{90}))}, {}, {}, now);

    REQUIRE(result.certificates.size() == 2);
    CHECK(result.certificates[0].names == std::vector<std::string>{"a.example"});
    CHECK(to_string(result.certificates[0].next_action) == "renew");
    CHECK(to_string(result.certificates[1].state) == "unwanted");
}

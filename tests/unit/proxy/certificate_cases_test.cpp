// Which certificate a client is shown: the cases of tests/cases/certificates.md, by their numbers.
#include "support/catch.hpp"
#include "support/plane.hpp"
#include "support/tls_peer.hpp"

#include <algorithm>
#include <future>

using namespace mesh;
using namespace mesh::test;
using std::chrono::hours;

namespace {

/// A certificate mesh has; it shows its label, whatever it is filed under.
struct Stored {
    std::string label;
    std::vector<std::string> names;
    hours ends{24 * 60};
    std::string directory = {};
    hours starts{-1};
};

struct Case {
    const char* id;
    std::vector<Stored> stored;
    std::string asks;    ///< server name; "" = none is sent
    std::string served;  ///< a label, "default", or "alert N"
    bool strict = false;
    std::vector<std::string> alpn = {};
    std::string challenge_for = {};
    bool managed = false;  ///< the router has a resolver
};

const std::string authority = "https://ca.test/dir";

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"C1", {}, "snitest.com", "default"},
        {"C1 strict", {}, "snitest.com", "alert 112", true},
        {"C1 managed", {}, "snitest.com", "alert 112", false, {}, {}, true},
        {"C2", {{"org", {"snitest.org"}}}, "snitest.com", "default"},
        {"C2 strict", {{"org", {"snitest.org"}}}, "snitest.com", "alert 112", true},
        {"C3", {{"it", {"snitest.com"}}}, "snitest.com", "it"},
        {"C4", {{"it", {"*.snitest.com"}}}, "www.snitest.com", "it"},
        {"C4 the name itself", {{"it", {"*.snitest.com"}}}, "snitest.com", "default"},
        {"C4 two labels", {{"it", {"*.snitest.com"}}}, "a.www.snitest.com", "default"},
        {"C5", {{"it", {"*.WWW.SNITEST.COM"}}}, "bar.www.snitest.com", "it"},
        {"C6",
         {{"both", {"*.app.example.test", "app.example.test"}, hours(24 * 10)},
          {"one", {"app.example.test"}, hours(24 * 20)}},
         "app.example.test",
         "one"},
        {"C6 the other way round",
         {{"both", {"*.app.example.test", "app.example.test"}, hours(24 * 20)},
          {"one", {"app.example.test"}, hours(24 * 10)}},
         "app.example.test",
         "both"},
        {"C7", {{"wildcard", {"*.x.test"}}, {"exact", {"a.x.test"}}}, "a.x.test", "exact"},
        {"C7 shorter-lived",
         {{"wildcard", {"*.x.test"}, hours(24 * 90)}, {"exact", {"a.x.test"}, hours(24)}},
         "a.x.test",
         "exact"},
        {"C8",
         {{"expired", {"a.x.test"}, hours(-1), "", hours(-48)}, {"valid", {"*.x.test"}}},
         "a.x.test",
         "valid"},
        {"C8 not yet valid",
         {{"early", {"a.x.test"}, hours(48), "", hours(24)}, {"valid", {"*.x.test"}}},
         "a.x.test",
         "valid"},
        {"C8 nothing else",
         {{"expired", {"a.x.test"}, hours(-1), "", hours(-48)}},
         "a.x.test",
         "expired"},
        {"C9",
         {{"first", {"a.x.test", "b.x.test"}, hours(24 * 10)},
          {"second", {"a.x.test", "b.x.test"}, hours(24 * 20)}},
         "b.x.test",
         "second"},
        {"C9 expired",
         {{"first", {"a.x.test"}, hours(24)}, {"second", {"a.x.test"}, hours(-1), "", hours(-48)}},
         "a.x.test",
         "first"},
        {"C11", {{"it", {"snitest.com"}}}, "", "alert 112", true},
        {"C11 an address", {{"it", {"snitest.com"}}}, "192.0.2.1", "alert 112", true},
        {"C12", {{"it", {"snitest.com"}}}, "unknown.test", "default"},
        {"C13", {{"it", {"snitest.com"}}}, "", "default"},
        {"C13 an address", {{"it", {"snitest.com"}}}, "192.0.2.1", "default"},
        // The contract's alert where Traefik says unrecognized_name.
        {"C15", {{"it", {"snitest.com"}}}, "snitest.com", "alert 120", false, {"acme-tls/1"}},
        {"C16", {{"it", {"a.b.test"}}}, "a.b.test", "a.b.test", false, {"acme-tls/1"}, "a.b.test"},
        {"C16 another name",
         {{"it", {"c.b.test"}}},
         "c.b.test",
         "alert 120",
         false,
         {"acme-tls/1"},
         "a.b.test"},
        {"C16 beside another protocol",
         {{"it", {"a.b.test"}}},
         "a.b.test",
         "it",
         false,
         {"acme-tls/1", "h2"},
         "a.b.test"},
        {"C17",
         {{"file", {"a.x.test"}, hours(24)}, {"ordered", {"*.x.test"}, hours(24 * 60), authority}},
         "a.x.test",
         "file",
         false,
         {},
         {},
         true},
        {"C17 the router's own",
         {{"file", {"a.x.test"}, hours(24 * 90)}, {"ordered", {"a.x.test"}, hours(24), authority}},
         "a.x.test",
         "ordered",
         false,
         {},
         {},
         true},
        {"C22", {{"it", {"snitest.com"}}}, "SniTest.COM", "it"},
        {"C22 final dot", {{"it", {"snitest.com"}}}, "snitest.com.", "it"},
    };
    return all;
}

void put(Plane& plane, const Stored& stored, certs::CertificateId id) {
    auto entry = std::make_shared<certs::CertificateEntry>();
    entry->id = id;
    entry->version = id;
    for (const std::string& name : stored.names) entry->names.push_back(*HostPattern::parse(name));
    entry->directory = stored.directory;
    entry->not_before = tls::test::wall_now() + stored.starts;
    entry->not_after = tls::test::wall_now() + stored.ends;
    tls::test::LeafOptions leaf;
    leaf.names = {stored.label};
    plane.plane->put_certificate(entry, plane.world.credential(leaf));
}

void set_default(Plane& plane) {
    tls::test::LeafOptions leaf;
    leaf.names = {"default"};
    plane.plane->set_default_credential(plane.world.credential(leaf));
    plane.settle();
}

std::string shown(const Plane& plane, const Case& row) {
    TlsOptions options(row.asks);
    options.alpn = row.alpn;
    TlsPeer client(plane.connect(), options);
    return client.handshake() ? client.certificate_name()
                              : "alert " + std::to_string(client.alert());
}

}  // namespace

TEST_CASE("certificates: each case shows what its table says", "[certificates]") {
    Backend backend(Backend::echo);
    for (const Case& row : cases()) {
        CAPTURE(row.id);
        PlaneBuilder builder;
        RouterOptions router = row.managed ? with_resolver() : RouterOptions{};
        router.options = "o";
        builder.router("r", "HostSNI(`*`)", {backend.port()}, router);
        builder.options("o").sni_strict = row.strict;
        Plane plane(std::move(builder));
        set_default(plane);
        certs::CertificateId id = 0;
        for (const Stored& stored : row.stored) put(plane, stored, ++id);
        plane.settle();
        if (!row.challenge_for.empty()) plane.put_challenge(row.challenge_for, "token.thumbprint");
        CHECK(shown(plane, row) == row.served);
    }
}

TEST_CASE("certificates: the choice does not depend on the order they came in, or on luck",
          "[certificates]") {
    Backend backend(Backend::echo);
    for (const bool turned : {false, true}) {
        PlaneBuilder builder;
        builder.router("r", "HostSNI(`*`)", {backend.port()});
        Plane plane(std::move(builder));
        std::vector<Stored> stored = {
            {"both", {"*.app.test", "app.test"}, hours(24 * 10)},
            {"one", {"app.test"}, hours(24 * 20)},
        };
        if (turned) std::reverse(stored.begin(), stored.end());
        certs::CertificateId id = 0;
        for (const Stored& one : stored) put(plane, one, ++id);
        plane.settle();
        for (int i = 0; i < 50; ++i) CHECK(shown(plane, {"", {}, "app.test", "one"}) == "one");
    }
}

TEST_CASE("certificates: one that is taken away makes way for the default", "[certificates]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()});
    Plane plane(std::move(builder));
    set_default(plane);
    put(plane, {"it", {"snitest.com"}}, 7);
    plane.settle();
    const Case row{"C21", {}, "snitest.com", ""};
    CHECK(shown(plane, row) == "it");
    plane.plane->remove_certificate(7);
    plane.settle();
    CHECK(shown(plane, row) == "default");
}

TEST_CASE("certificates: the one ordered as default is shown once it is there", "[certificates]") {
    Backend backend(Backend::echo);
    PlaneBuilder builder;
    builder.router("r", "HostSNI(`*`)", {backend.port()});
    builder.router("strict", "HostSNI(`strict.test`)", {backend.port()}, with_options("strict"));
    builder.options("strict").sni_strict = true;
    builder.configuration.generated_default =
        model::GeneratedCertificate{"ca", {*HostPattern::parse("main.test"), {}, {}}, {}};
    std::promise<void> may_read;
    auto reading = may_read.get_future().share();
    tls::test::World world;
    builder.load_credential = [&](const certs::CertificateEntry&) {
        reading.wait();
        tls::test::LeafOptions leaf;
        leaf.names = {"generated"};
        return Result<certs::CredentialPtr>(world.credential(leaf));
    };
    Plane plane(std::move(builder));
    set_default(plane);
    const Case unknown{"", {}, "unknown.test", ""};
    const Case nameless{"", {}, "", ""};
    CHECK(shown(plane, unknown) == "default");

    plane.announce({"main.test", "other.test"}, 5);
    auto waiting = std::async(std::launch::async, [&] { return shown(plane, nameless); });
    CHECK(eventually([&] { return plane.plane->counters().open == 1; }));
    may_read.set_value();
    CHECK(waiting.get() == "generated");
    CHECK(shown(plane, unknown) == "generated");
    CHECK(shown(plane, {"", {}, "strict.test", ""}) == "alert 112");
    put(plane, {"own", {"unknown.test"}}, 6);
    plane.settle();
    CHECK(shown(plane, unknown) == "own");
}

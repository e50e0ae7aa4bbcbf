// From the configuration to what a worker routes by.
#include "proxy/snapshot.hpp"

#include "proxy/routing_view.hpp"
#include "support/catch.hpp"
#include "support/facts.hpp"
#include "support/plane.hpp"

using namespace mesh;
using namespace mesh::test;
using proxy::make_snapshot;
using proxy::Route;
using proxy::Snapshot;

namespace {

std::shared_ptr<const Snapshot> snapshot_of(const PlaneBuilder& builder,
                                            std::shared_ptr<const Snapshot> previous = nullptr) {
    auto made = make_snapshot(builder.configuration, builder.client_ca_pem, previous);
    REQUIRE(made.has_value());
    return *made;
}

const Route& tls_route(const Snapshot& snapshot, const char* name) {
    const auto& entry = *snapshot.entry_points.at(0);
    const auto found = entry.tls.lookup(test::facts(name));
    REQUIRE(found.has_value());
    return *entry.tls_routes.at(found->payload);
}

}  // namespace

TEST_CASE("snapshot: options become the route's policy", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1});
    builder.router("b", "HostSNI(`b.example`)", {1}, with_options("strict"));
    builder.router("c", "HostSNI(`c.example`)", {1}, with_resolver());
    builder.router("d", "HostSNI(`d.example`) && !HostSNI(`x.example`)", {1}, passthrough());
    builder.router("e", "HostSNI(`*`)", {1}, plain());
    builder.options("strict").sni_strict = true;
    builder.options("strict").min_version = model::TlsVersion::tls13;
    const auto snapshot = snapshot_of(builder);

    const Route& a = tls_route(*snapshot, "a.example");
    CHECK(a.router == "a");
    CHECK(a.default_when_missing);
    CHECK(a.directory.empty());
    CHECK(a.policy->min_version == tls::Version::tls12);
    const Route& b = tls_route(*snapshot, "b.example");
    CHECK(b.sni_strict);
    CHECK(b.policy->min_version == tls::Version::tls13);
    const Route& c = tls_route(*snapshot, "c.example");
    CHECK_FALSE(c.default_when_missing);
    CHECK(c.directory == "https://ca.test/dir");
    CHECK(c.policy == a.policy);  // the same content is one object
    const Route& d = tls_route(*snapshot, "d.example");
    CHECK(d.passthrough);
    CHECK_FALSE(d.policy);
    CHECK(d.names == std::vector<std::string>{"d.example"});
    CHECK(snapshot->entry_points[0]->plain.lookup({}).has_value());
    CHECK_FALSE(snapshot->entry_points[0]->tls.lookup(test::facts("x.example")).has_value());
}

TEST_CASE("snapshot: the higher-ranked router answers", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("long", "HostSNI(`a.example`) || HostSNI(`b.example`)", {1});
    builder.router("short", "HostSNI(`a.example`)", {1});
    CHECK(tls_route(*snapshot_of(builder), "a.example").router == "long");
    builder.configuration.routers.at("short").priority = 1000;
    CHECK(tls_route(*snapshot_of(builder), "a.example").router == "short");
}

TEST_CASE("snapshot: a service that did not change is the same object", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1, 2});
    builder.router("b", "HostSNI(`b.example`)", {3});
    const auto before = snapshot_of(builder);
    builder.servers("b", {{"127.0.0.1", 4, {}}});
    const auto after = snapshot_of(builder, before);

    CHECK(tls_route(*after, "a.example").service == tls_route(*before, "a.example").service);
    CHECK(tls_route(*after, "b.example").service != tls_route(*before, "b.example").service);
    CHECK(tls_route(*after, "b.example").service->first->members.front().server.port == 4);
}

TEST_CASE("snapshot: what did not change is the same object, down to the whole", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1});
    builder.router("b", "HostSNI(`b.example`)", {1}, with_options("strict"));
    builder.options("strict").sni_strict = true;
    builder.entry_point("other").router("c", "HostSNI(`c.example`)", {1});
    const auto before = snapshot_of(builder);
    CHECK(snapshot_of(builder, before) == before);

    builder.configuration.routers.at("b").priority = 7;
    const auto after = snapshot_of(builder, before);
    CHECK(after != before);
    CHECK(&tls_route(*after, "a.example") == &tls_route(*before, "a.example"));
    CHECK(&tls_route(*after, "b.example") != &tls_route(*before, "b.example"));
    CHECK(tls_route(*after, "b.example").policy == tls_route(*before, "b.example").policy);
    CHECK(tls_route(*after, "b.example").lifetime == tls_route(*before, "b.example").lifetime);
    CHECK(after->entry_points[0] != before->entry_points[0]);
    CHECK(after->entry_points[1] == before->entry_points[1]);

    // A router that comes back is another one.
    const model::Router router = builder.configuration.routers.at("b");
    builder.configuration.routers.erase("b");
    const auto without = snapshot_of(builder, after);
    builder.configuration.routers.emplace("b", router);
    CHECK(tls_route(*snapshot_of(builder, without), "b.example").lifetime !=
          tls_route(*after, "b.example").lifetime);
}

TEST_CASE("snapshot: what no router says is a change all the same", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1});
    builder.configuration.middlewares["few"] = {"few", {}, 2, {}};
    builder.configuration.routers.at("a").middlewares = {"few"};
    const auto before = snapshot_of(builder);
    CHECK(snapshot_of(builder, before) == before);
    model::EntryPoint& entry_point = builder.configuration.entry_points.begin()->second;

    SECTION("a limit of the entry point") {
        entry_point.limits.handshake_timeout = std::chrono::seconds(1);
        const auto after = snapshot_of(builder, before);
        CHECK(after->entry_points[0] != before->entry_points[0]);
        CHECK(after->entry_points[0]->limits.handshake_timeout == std::chrono::seconds(1));
        CHECK(&tls_route(*after, "a.example") == &tls_route(*before, "a.example"));
    }
    SECTION("its default server name") {
        entry_point.default_server_name = *Hostname::parse("a.example");
        const auto after = snapshot_of(builder, before);
        CHECK(after->entry_points[0]->default_server_name == entry_point.default_server_name);
    }
    SECTION("the certificate that is ordered for everybody else") {
        builder.configuration.generated_default =
            model::GeneratedCertificate{"ca", {*HostPattern::parse("a.example"), {}, {}}, {}};
        const auto after = snapshot_of(builder, before);
        CHECK(after->generated_default.has_value());
        CHECK(after->entry_points == before->entry_points);
        CHECK(snapshot_of(builder, after) == after);
    }
    SECTION("a middleware, whose count goes on") {
        builder.configuration.middlewares["few"].in_flight_per_source = 3;
        const auto after = snapshot_of(builder, before);
        const auto& middlewares = tls_route(*after, "a.example").middlewares;
        CHECK(middlewares.at(0)->in_flight_max == 3);
        CHECK(middlewares.at(0)->in_flight == before->middlewares.at("few")->in_flight);
    }
    SECTION("a middleware that nobody uses") {
        builder.configuration.middlewares["more"] = {"more", {}, 1, {}};
        CHECK(snapshot_of(builder, before)->middlewares.contains("more"));
    }
}

TEST_CASE("snapshot: a policy the library refuses is an error", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1}, with_options("broken"));
    builder.options("broken").client_auth.type =
        model::ClientAuthType::require_and_verify_client_cert;
    builder.client_ca_pem["broken"] = "not a certificate";
    const auto made = make_snapshot(builder.configuration, builder.client_ca_pem, nullptr);
    REQUIRE_FALSE(made.has_value());
    CHECK_THAT(made.error().message, ContainsSubstring("tls.options.broken"));
}

TEST_CASE("snapshot: a policy keeps its context over reloads", "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1});
    builder.router("b", "HostSNI(`b.example`)", {1}, with_options("other"));
    builder.options("other").alpn_protocols = {"h2"};
    SystemClock clock;
    proxy::PolicyCache cache(tls::make_ticket_keys(clock));
    const auto policy = [](const proxy::RoutingView& view, const char* name) {
        return view.policies.at(tls_route(*view.snapshot, name).policy.get());
    };
    const auto before = *cache.make_view(snapshot_of(builder));

    builder.options("other").alpn_protocols = {"http/1.1"};
    const auto after = *cache.make_view(snapshot_of(builder));
    CHECK(policy(*after, "a.example") == policy(*before, "a.example"));
    CHECK(policy(*after, "b.example") != policy(*before, "b.example"));
}

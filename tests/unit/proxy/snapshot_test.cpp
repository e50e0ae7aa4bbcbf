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

TEST_CASE(
    "snapshot: a weight or another strategy is another service, with the servers as they were",
    "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1, 2});
    const auto before = snapshot_of(builder);
    const proxy::ServicePtr service = tls_route(*before, "a.example").service;
    const auto change = [&](auto set) {
        PlaneBuilder changed = builder;
        set(changed.configuration.services.at("a"));
        const auto after = snapshot_of(changed, before);
        CHECK(after != before);
        CHECK(after->entry_points != before->entry_points);
        return tls_route(*after, "a.example").service;
    };
    const auto weighed = change([](model::Service& a) { a.servers[1].weight = 3; });
    CHECK(weighed != service);
    CHECK(weighed->first->round.size() == 4);
    CHECK(weighed->first->members[1].state == service->first->members[1].state);
    const auto counting =
        change([](model::Service& a) { a.strategy = model::Strategy::least_conn; });
    CHECK(counting != service);
    CHECK(counting->strategy == model::Strategy::least_conn);
    CHECK(counting->first->members[0].state == service->first->members[0].state);
    const auto followed = change([](model::Service& a) { a.sources = {{0, std::nullopt, {}}}; });
    CHECK(followed->first->members[0].state == service->first->members[0].state);
}

TEST_CASE("snapshot: a service made of others changes with them, and they go on as they were",
          "[snapshot]") {
    PlaneBuilder builder;
    builder.router("mix", "HostSNI(`mix.example`)", {});
    builder.servers("blue", {{"127.0.0.1", 1, {}}});
    builder.servers("green", {{"127.0.0.1", 2, {}}});
    auto& services = builder.configuration.services;
    services.at("mix").services = {{{"blue", {}}, 3}, {{"green", {}}, 1}};
    const auto before = snapshot_of(builder);
    const proxy::ServicePtr mix = tls_route(*before, "mix.example").service;
    REQUIRE(mix->parts.size() == 2);
    CHECK(mix->round.size() == 4);
    CHECK(before->services.size() == 3);
    CHECK(snapshot_of(builder, before) == before);

    const auto change = [&](auto set) {
        PlaneBuilder changed = builder;
        set(changed.configuration.services);
        const auto after = snapshot_of(changed, before);
        CHECK(after->entry_points != before->entry_points);
        return tls_route(*after, "mix.example").service;
    };
    const auto grown = change([](auto& all) { all.at("blue").servers.push_back({"::1", 3, {}}); });
    CHECK(grown != mix);
    CHECK(grown->parts[0].service != mix->parts[0].service);
    CHECK(grown->parts[0].service->states == mix->parts[0].service->states);
    CHECK(grown->parts[1].service == mix->parts[1].service);
    const auto weighed = change([](auto& all) { all.at("mix").services[1].weight = 2; });
    CHECK(weighed->parts[0].service == mix->parts[0].service);
    CHECK(weighed->round.size() == 5);
}

TEST_CASE("snapshot: a service that no route uses for a while is what it was when one does again",
          "[snapshot]") {
    PlaneBuilder builder;
    builder.router("a", "HostSNI(`a.example`)", {1, 2});
    builder.router("b", "HostSNI(`b.example`)", {3});
    const auto first = snapshot_of(builder);
    const proxy::ServicePtr service = tls_route(*first, "a.example").service;

    PlaneBuilder without = builder;
    without.configuration.routers.erase("a");
    std::shared_ptr<const Snapshot> last;
    const auto rest_for = [&](unsigned changes) {
        last = first;
        for (unsigned i = 0; i < changes; ++i) {
            without.configuration.routers.at("b").priority = 100 + i;
            last = snapshot_of(without, last);
        }
        return tls_route(*snapshot_of(builder, last), "a.example").service;
    };
    SECTION("still defined") {}
    SECTION("defined no more") {
        without.configuration.services.erase("a");
    }
    CHECK(rest_for(1) == service);
    CHECK(rest_for(Snapshot::resting_changes_max) == service);
    CHECK(last->services.size() == 1);
    CHECK(last->resting.size() == 1);
    CHECK(rest_for(Snapshot::resting_changes_max + 1) != service);
    CHECK(last->resting.empty());
    // With other servers those that are left are what they were.
    const proxy::ServerSlot open(service->first->members[1].state);
    builder.servers("a", {{"127.0.0.1", 2, {}}});
    CHECK(rest_for(40)->first->members[0].state->connections() == 1);
}

TEST_CASE("snapshot: of services that no route uses only so many are kept, the latest",
          "[snapshot]") {
    PlaneBuilder builder;
    builder.router("keep", "HostSNI(`keep.example`)", {1});
    auto last = snapshot_of(builder);
    for (int i = 0; i < 400; ++i) {
        PlaneBuilder with = builder;
        const std::string name = "s" + std::to_string(i);
        with.router(name, "HostSNI(`" + name + ".example`)", {1});
        last = snapshot_of(with, last);
        if (i % 100 != 99) continue;
        CHECK(last->resting.size() <= Snapshot::resting_changes_max);
    }
    PlaneBuilder many = builder;
    for (int i = 0; i < 400; ++i) {
        const std::string name = "m" + std::to_string(i);
        many.router(name, "HostSNI(`" + name + ".example`)", {1});
    }
    last = snapshot_of(builder, snapshot_of(many, last));
    CHECK(last->resting.size() == Snapshot::resting_max);
    CHECK(last->resting.contains("m0"));
    CHECK_FALSE(last->resting.contains("s399"));
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

#include "providers/consul_units.hpp"

#include "support/catch.hpp"

using namespace mesh;
using model::CheckStatus;
using providers::ConsulInstance;
using Tags = std::vector<std::string>;

namespace {

const std::string rule_tag = "mesh.tcp.routers.shop.rule=HostSNI(`shop.example`)";

ConsulInstance instance(std::string id,
                        Tags tags,
                        CheckStatus status = CheckStatus::passing,
                        std::string address = "10.0.0.1",
                        std::uint16_t port = 8080) {
    return {std::move(id), "n1", std::move(address), port, std::move(tags), status};
}

providers::ConsulUnits units(const std::vector<ConsulInstance>& instances,
                             const model::ConsulCatalogProvider& settings = {}) {
    return providers::units_of("shop", instances, settings);
}

std::vector<std::string> ids(const config::LabelledUnit& unit) {
    std::vector<std::string> out;
    for (const config::Instance& one : unit.instances.value()) out.push_back(one.name);
    return out;
}

rules::Constraint constraint(std::string_view text) {
    auto parsed = rules::Constraint::parse(text, rules::Constraint::Of::tags);
    REQUIRE(parsed.has_value());
    return std::move(*parsed);
}

bool wanted(const Tags& tags, const model::ConsulCatalogProvider& settings = {}) {
    return providers::is_wanted(tags, settings);
}

}  // namespace

TEST_CASE("a tag is a label, cut at its first '='") {
    const auto made = units({instance("1", {rule_tag, "mesh.x=04=to", "mesh.flag", "blue=1"})});
    REQUIRE(made.units.size() == 1);
    const config::LabelledUnit& unit = made.units.front();
    CHECK(unit.name == "shop");
    CHECK(unit.provider == "consulcatalog");
    CHECK(*unit.source == "service shop");
    REQUIRE(unit.labels.size() == 2);
    CHECK(unit.labels[0].key == "mesh.tcp.routers.shop.rule");
    CHECK(unit.labels[0].value == "HostSNI(`shop.example`)");
    CHECK(unit.labels[1].key == "mesh.x");
    CHECK(unit.labels[1].value == "04=to");
}

TEST_CASE(
    "proxies of Consul's service mesh, which have the tags of their service, are no servers") {
    ConsulInstance sidecar = instance("1-sidecar-proxy", {rule_tag});
    sidecar.kind = "connect-proxy";
    const auto made = units({instance("1", {rule_tag}), sidecar});
    REQUIRE(made.units.size() == 1);
    CHECK(ids(made.units.front()) == std::vector<std::string>{"1 on n1"});
    CHECK(made.left_out == 1);
    CHECK(units({sidecar}).units.empty());
}

TEST_CASE("a prefix counts in any case, up to its dot") {
    model::ConsulCatalogProvider settings;
    settings.prefixes = {"mesh", "traefik"};
    const auto made =
        units({instance("1", {"MESH.tcp.a=1", "Traefik.tcp.b=2", "meshed.tcp.c=3"})}, settings);
    REQUIRE(made.units.size() == 1);
    REQUIRE(made.units.front().labels.size() == 2);
    CHECK(made.units.front().labels[0].key == "MESH.tcp.a");
    CHECK(made.units.front().labels[1].key == "Traefik.tcp.b");

    settings.prefixes = {""};
    const auto bare = units({instance("1", {"tcp.a=1", "enable=true", "version=2"})}, settings);
    REQUIRE(bare.units.size() == 1);
    CHECK(bare.units.front().labels.size() == 2);
}

TEST_CASE("instances that say the same are one unit") {
    const auto made = units({instance("1", {rule_tag, "v1"}),
                             instance("2", {"v2", rule_tag}, CheckStatus::passing, "10.0.0.2", 0)});
    REQUIRE(made.units.size() == 1);
    const auto& servers = made.units.front().instances.value();
    REQUIRE(servers.size() == 2);
    CHECK(servers[0] == config::Instance{.name = "1 on n1", .host = "10.0.0.1", .port = 8080});
    CHECK(servers[1] == config::Instance{.name = "2 on n1", .host = "10.0.0.2"});
}

TEST_CASE("instances that say different things are several units of one name") {
    const auto made = units({instance("1", {rule_tag}),
                             instance("2", {"mesh.tcp.services.b.loadbalancer.server.port=1"})});
    REQUIRE(made.units.size() == 2);
    CHECK(made.units[0].name == made.units[1].name);
    CHECK(*made.units[0].source == "service shop (1 on n1)");
    CHECK(*made.units[1].source == "service shop (2 on n1)");
}

TEST_CASE("only instances in a state of strictChecks serve; the unit stays without any") {
    const std::vector<ConsulInstance> all = {instance("1", {rule_tag}),
                                             instance("2", {rule_tag}, CheckStatus::warning),
                                             instance("3", {rule_tag}, CheckStatus::critical)};
    model::ConsulCatalogProvider settings;
    CHECK(ids(units(all).units.front()) == Tags{"1 on n1", "2 on n1"});
    CHECK(units(all).left_out == 1);
    settings.strict_checks = {CheckStatus::passing};
    CHECK(ids(units(all, settings).units.front()) == Tags{"1 on n1"});
    settings.strict_checks = {CheckStatus::passing, CheckStatus::warning, CheckStatus::critical};
    CHECK(ids(units(all, settings).units.front()).size() == 3);

    const auto none = units({all[2]});
    REQUIRE(none.units.size() == 1);
    REQUIRE(none.units.front().instances);
    CHECK(none.units.front().instances->empty());
    CHECK(none.left_out == 1);
}

TEST_CASE("a service without instances, or without tags of ours, is no unit") {
    CHECK(units({}).units.empty());
    CHECK(units({instance("1", {"blue=1", "mesh"})}).units.empty());
    CHECK(units({instance("1", {"blue=1"})}).left_out == 1);
}

TEST_CASE("enable and exposedByDefault") {
    model::ConsulCatalogProvider shy;
    shy.exposed_by_default = false;
    CHECK(units({instance("1", {rule_tag})}, shy).units.empty());
    CHECK(units({instance("1", {rule_tag, "MESH.Enable=on"})}, shy).units.size() == 1);
    CHECK(units({instance("1", {rule_tag, "mesh.enable=false"})}).units.empty());

    SECTION("a switch that cannot be read is for the reader of labels to report") {
        CHECK(units({instance("1", {rule_tag, "mesh.enable=maybe"})}).units.size() == 1);
        CHECK(
            units({instance("1", {rule_tag, "mesh.enable=no", "mesh.enable=yes"})}).units.size() ==
            1);
    }
    SECTION("one instance may be switched off alone") {
        const auto made =
            units({instance("1", {rule_tag, "mesh.enable=false"}), instance("2", {rule_tag})});
        REQUIRE(made.units.size() == 1);
        CHECK(ids(made.units.front()) == Tags{"2 on n1"});
        CHECK(made.left_out == 1);
    }
}

TEST_CASE("which services are worth a query is known from the catalogue's tags") {
    CHECK(wanted({"a", rule_tag}));
    CHECK(wanted({"MESH.TCP.x=1"}));
    CHECK(!wanted({}));
    CHECK(!wanted({"a", "b=c", "mesh.tcp"}));
    CHECK(!wanted({"mesh.enable=false"}));
    CHECK(wanted({"mesh.enable=perhaps"}));

    model::ConsulCatalogProvider shy;
    shy.exposed_by_default = false;
    CHECK(!wanted({rule_tag}, shy));
    CHECK(wanted({rule_tag, "mesh.enable=true"}, shy));

    model::ConsulCatalogProvider with_rule;
    with_rule.default_rule = "HostSNI(`x`)";
    CHECK(wanted({}, with_rule));
}

TEST_CASE("constraints see every tag of the service") {
    model::ConsulCatalogProvider settings;
    settings.constraints = constraint("Tag(`blue`) && !TagRegex(`^v[0-9]`)");
    CHECK(wanted({"blue", rule_tag}, settings));
    CHECK(!wanted({rule_tag}, settings));
    CHECK(!wanted({"blue", "v2", rule_tag}, settings));
}

TEST_CASE("a unit is named as its service, normalised") {
    const auto named = [](const std::string& service) {
        const std::vector<ConsulInstance> one = {instance("1", {rule_tag})};
        return providers::units_of(service, one, {}).units.front().name;
    };
    CHECK(named("my_shop.v2") == "my-shop-v2");
    CHECK(named("...") == "...");
}

TEST_CASE("a default rule is filled in from name and tags") {
    model::ConsulCatalogProvider settings;
    settings.default_rule = "HostSNI(`{{ index .Labels \"zone\" }}.{{ normalize .Name }}.example`)";
    const auto made = units({instance("1", {"zone=a"}), instance("2", {"zone=b"})}, settings);
    REQUIRE(made.units.size() == 2);
    CHECK(made.units[0].labels.empty());
    CHECK(made.units[0].default_rule == "HostSNI(`a.shop.example`)");
    CHECK(made.units[1].default_rule == "HostSNI(`b.shop.example`)");
    CHECK(made.trouble.empty());

    SECTION("one that cannot be is none, and said only where a router needs it") {
        const auto bare = units({instance("1", {"mesh.tcp.services.s=x"})}, settings);
        REQUIRE(bare.units.size() == 1);
        CHECK(bare.units.front().default_rule.empty());
        CHECK_THAT(bare.trouble, ContainsSubstring("nothing to put in for"));
        CHECK(units({instance("1", {rule_tag})}, settings).trouble.empty());
    }
}

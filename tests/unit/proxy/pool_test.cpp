// Services whose servers a provider changes while the routes stay.
#include "hello_builder.hpp"
#include "proxy/pool_table.hpp"
#include "support/catch.hpp"
#include "support/plane.hpp"

#include <map>

using namespace mesh;
using namespace mesh::test;

namespace {

std::vector<model::Server> servers_at(const std::vector<std::uint16_t>& ports) {
    std::vector<model::Server> servers;
    for (const std::uint16_t port : ports) servers.push_back({"127.0.0.1", port, {}});
    return servers;
}

/// A plain router whose servers a provider says.
PlaneBuilder followed(const std::vector<std::uint16_t>& ports) {
    PlaneBuilder builder;
    builder.workers = 2;
    builder.router("r", "HostSNI(`*`)", {1}, plain());
    model::Service& service = builder.configuration.services.at("r");
    service.servers = servers_at(ports);
    service.sources = {{0, std::nullopt, {}}};
    return builder;
}

std::string answer_of(const Plane& plane) {
    return plane.connect().receive(1);
}

}  // namespace

TEST_CASE("pool: servers come and go without another snapshot", "[pool]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    PlaneBuilder builder = followed({a.port()});
    Plane plane(builder);
    CHECK(answer_of(plane) == "a");

    plane.plane->set_servers({{plane.snapshot->services.at("r"), servers_at({b.port()})}});
    plane.settle();
    for (int i = 0; i < 6; ++i) CHECK(answer_of(plane) == "b");

    plane.plane->set_servers(
        {{plane.snapshot->services.at("r"), servers_at({a.port(), b.port()})}});
    plane.settle();
    std::map<std::string, int> answers;
    for (int i = 0; i < 10; ++i) ++answers[answer_of(plane)];
    CHECK(answers == std::map<std::string, int>{{"a", 5}, {"b", 5}});
}

TEST_CASE("pool: weights change with the servers", "[pool]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    Plane plane(followed({a.port(), b.port()}));
    std::vector<model::Server> servers = servers_at({a.port(), b.port()});
    servers[0].weight = 4;
    plane.plane->set_servers({{plane.snapshot->services.at("r"), servers}});
    plane.settle();
    std::map<std::string, int> answers;
    for (int i = 0; i < 10; ++i) ++answers[answer_of(plane)];
    CHECK(answers == std::map<std::string, int>{{"a", 8}, {"b", 2}});
}

TEST_CASE("pool: without a server a client is closed, until one comes", "[pool]") {
    Backend a(Backend::greeter("a"));
    Plane plane(followed({}));
    CHECK(plane.connect().receive_all().empty());
    CHECK(eventually([&] { return plane.logged({"the service has no server now"}) == 1; }));

    plane.plane->set_servers({{plane.snapshot->services.at("r"), servers_at({a.port()})}});
    plane.settle();
    CHECK(answer_of(plane) == "a");
}

TEST_CASE("pool: what was seen of a server stays with it", "[pool]") {
    Backend a(Backend::greeter("a"));
    const std::uint16_t closed = closed_port();
    Plane plane(followed({closed}));
    plane.connect().receive_all();
    CHECK(eventually([&] { return plane.logged({"backend_down"}) == 1; }));

    plane.plane->set_servers({{plane.snapshot->services.at("r"), servers_at({closed, a.port()})}});
    plane.settle();
    for (int i = 0; i < 6; ++i) CHECK(answer_of(plane) == "a");
    CHECK(plane.logged({"backend_down"}) == 1);
}

TEST_CASE("pool: the next snapshot keeps the servers of before", "[pool]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    PlaneBuilder builder = followed({a.port()});
    Plane plane(builder);
    const proxy::ServicePtr service = plane.snapshot->services.at("r");
    plane.plane->set_servers({{service, servers_at({b.port()})}});

    // As read a moment ago, with another router besides.
    builder.configuration.routers.at("r").priority = 9;
    plane.apply(builder);
    CHECK(plane.snapshot->services.at("r") == service);
    CHECK(answer_of(plane) == "b");
}

TEST_CASE("pool: what is to be there before the routes is given where these are the same too",
          "[pool]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    Plane plane(followed({a.port()}));
    const auto failures = plane.plane->apply(plane.snapshot, [&] {
        plane.plane->set_servers({{plane.snapshot->services.at("r"), servers_at({b.port()})}});
    });
    CHECK(failures.empty());
    plane.settle();
    CHECK(answer_of(plane) == "b");
}

TEST_CASE("pool: a service that ceases to be followed has its own servers", "[pool]") {
    Backend a(Backend::greeter("a"));
    Backend b(Backend::greeter("b"));
    PlaneBuilder builder = followed({a.port()});
    Plane plane(builder);
    plane.plane->set_servers({{plane.snapshot->services.at("r"), servers_at({b.port()})}});
    builder.configuration.services.at("r").sources.clear();
    plane.apply(builder);
    CHECK(answer_of(plane) == "a");
}

TEST_CASE("pool: a table forgets services that are no more", "[pool]") {
    proxy::PoolTable table;
    const model::Service definition{"s", servers_at({1}), {}, {{0, std::nullopt, {}}}};
    proxy::ServerStates states;
    auto first = proxy::make_service(definition);
    table.set(first, proxy::make_pool(servers_at({2}), states));
    CHECK(table.of(*first)->members.front().server.port == 2);
    first.reset();
    const auto second = proxy::make_service(definition);
    CHECK(table.of(*second)->members.front().server.port == 1);
    for (std::size_t i = 0; i < 10 * proxy::PoolTable::sweep_least; ++i)
        table.set(proxy::make_service(definition), proxy::make_pool(servers_at({3}), states));
    CHECK(table.size() <= proxy::PoolTable::sweep_least);
}

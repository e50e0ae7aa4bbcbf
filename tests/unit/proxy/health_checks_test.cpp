// Looking whether servers are up: what is said, what is expected, and what comes of it.
#include "proxy/health_checks.hpp"

#include "support/catch.hpp"
#include "support/plane.hpp"

#include <atomic>
#include <sys/resource.h>

using namespace mesh;
using namespace mesh::test;
using proxy::CheckedServer;
using proxy::HealthChecks;
using proxy::ServerState;
using Standing = ServerState::Standing;

namespace {

using std::chrono::milliseconds;

model::HealthCheck every(milliseconds interval) {
    model::HealthCheck check;
    check.interval = interval;
    check.timeout = milliseconds(15'000);  // no look fails because the machine is busy
    return check;
}

CheckedServer checked(std::uint16_t port,
                      const model::HealthCheck& check = every(milliseconds(20)),
                      const std::string& host = "127.0.0.1") {
    return {"s", {host, port, {}}, check, std::nullopt, std::make_shared<ServerState>()};
}

CheckedServer of_service(const std::string& name, CheckedServer server) {
    server.service = name;
    return server;
}

bool is_down(const CheckedServer& server) {
    return server.state->standing(SteadyTime{}) == Standing::down;
}

std::string reason(const std::string& text) {
    return "reason=" + text;
}

}  // namespace

TEST_CASE("health checks: three failures and a server is down, two successes and it is up",
          "[health]") {
    std::atomic<bool> well{true};
    std::atomic<int> asked{0};
    Backend backend([&](Peer peer) {
        if (peer.receive(5) != "PING\n") return;
        const bool is_well = well;  // before it is counted
        ++asked;
        // In pieces, and with more behind.
        peer.send("PO");
        peer.send(is_well ? "NG and so on" : "OR");
        peer.receive_all();
    });
    model::HealthCheck check = every(milliseconds(20));
    check.send = "PING\n";
    check.expect = "PONG";
    RecordingLog log;
    HealthChecks checks(log);
    const CheckedServer server = checked(backend.port(), check);
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return asked >= 5; }));
    CHECK_FALSE(is_down(server));
    CHECK(log.all().empty());

    const int before = asked;
    well = false;
    CHECK(eventually([&] { return is_down(server); }));
    CHECK(asked >= before + 3);
    CHECK(eventually([&] { return log.count({"ERROR service_down", "service=s"}) == 1; }));
    CHECK(log.count({"WARN backend_down", reason("it answered something else")}) == 1);
    const int at_down = asked;
    CHECK(eventually([&] { return asked >= at_down + 5; }));

    well = true;
    CHECK(eventually([&] { return !is_down(server); }));
    CHECK(eventually([&] { return log.count({"INFO service_up"}) == 1; }));
    CHECK(log.count({"INFO backend_up"}) == 1);
    CHECK(log.count({"backend_down"}) == 1);
    CHECK(log.count({"service_down"}) == 1);
}

TEST_CASE("health checks: one failure is no verdict, and a success forgets it", "[health]") {
    std::atomic<int> asked{0};
    Backend backend([&](Peer peer) { peer.send(asked++ % 3 == 0 ? "up" : "no"); });
    model::HealthCheck check = every(milliseconds(10));
    check.expect = "up";
    RecordingLog log;
    HealthChecks checks(log);
    const CheckedServer server = checked(backend.port(), check);
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return asked >= 30; }));
    CHECK(log.all().empty());
}

TEST_CASE("health checks: who refuses or says nothing is down", "[health]") {
    RecordingLog log;
    model::HealthCheck expecting = every(milliseconds(20));
    expecting.expect = "hello";
    model::HealthCheck waiting = expecting;
    waiting.timeout = milliseconds(50);
    Backend silent([](Peer peer) { peer.receive_all(); });
    Backend curt([](Peer) {});
    struct Case {
        CheckedServer server;
        const char* why;
    };
    const std::vector<Case> cases = {
        {checked(closed_port()), "Connection refused"},
        {checked(silent.port(), waiting), "no answer in time"},
        {checked(curt.port(), expecting), "it closed the connection without the answer"}};
    for (const Case& one : cases) {
        HealthChecks checks(log);
        REQUIRE(checks.set_servers({one.server}).has_value());
        CHECK(eventually([&] { return is_down(one.server); }));
        CHECK(eventually([&] { return log.count({"backend_down", reason(one.why)}) == 1; }));
    }
}

TEST_CASE("health checks: a name is looked at as soon as it has addresses, each of them",
          "[health]") {
    std::atomic<int> asked{0};
    Backend backend([&](Peer peer) {
        ++asked;
        peer.receive_all();
    });
    RecordingLog log;
    HealthChecks checks(log);
    // The next look would be in an hour.
    const CheckedServer server =
        checked(backend.port(), every(std::chrono::hours(1)), "db.internal");
    REQUIRE(checks.set_servers({server}).has_value());
    checks.set_addresses("db.internal", {"::1", "127.0.0.1"});
    CHECK(eventually([&] { return asked == 1; }));
}

TEST_CASE("health checks: another port, and the PROXY header that the server's own expects",
          "[health]") {
    std::atomic<bool> header{false};
    Backend own([&](Peer peer) {
        if (peer.receive(19) == "PROXY UNKNOWN\r\nPING") header = true;
    });
    std::atomic<bool> bare{false};
    Backend other([&](Peer peer) {
        if (peer.receive(4) == "PING") bare = true;
    });
    model::HealthCheck check = every(milliseconds(20));
    check.send = "PING";
    CheckedServer server = checked(own.port(), check);
    server.proxy_protocol = model::ProxyVersion::v1;
    RecordingLog log;
    HealthChecks checks(log);
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return header.load(); }));
    server.check.port = other.port();
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return bare.load(); }));
}

TEST_CASE("health checks: what was found goes on with another list, and ends with the check",
          "[health]") {
    Backend backend([](Peer peer) { peer.receive_all(); });
    RecordingLog log;
    HealthChecks checks(log);
    const CheckedServer away = checked(closed_port());
    const CheckedServer here = checked(backend.port());
    REQUIRE(checks.set_servers({away, here}).has_value());
    CHECK(eventually([&] { return is_down(away); }));
    CHECK_FALSE(is_down(here));
    CHECK(log.count({"service_down"}) == 0);
    // Alone it is all that the service has.
    REQUIRE(checks.set_servers({away}).has_value());
    CHECK(eventually([&] { return log.count({"ERROR service_down", "servers=1"}) == 1; }));
    CHECK(is_down(away));
    REQUIRE(checks.set_servers({}).has_value());
    CHECK(eventually([&] { return !is_down(away); }));
    CHECK(eventually([&] { return log.count({"INFO backend_up", "checked no more"}) == 1; }));
    CHECK(log.count({"service_up"}) == 0);
    CHECK(log.count({"backend_down"}) == 1);
}

TEST_CASE("health checks: more servers than are looked at at once all have their turn",
          "[health]") {
    std::atomic<std::size_t> asked{0};
    Backend slow([&](Peer peer) {
        ++asked;
        peer.send("up");
        peer.receive_all();
    });
    model::HealthCheck check = every(std::chrono::hours(1));
    check.expect = "up";
    std::vector<CheckedServer> servers;
    const std::size_t count = 2 * HealthChecks::at_once_max + 10;
    for (std::size_t i = 0; i < count; ++i) servers.push_back(checked(slow.port(), check));
    RecordingLog log;
    HealthChecks checks(log);
    REQUIRE(checks.set_servers(std::move(servers)).has_value());
    CHECK(eventually([&] { return asked == count; }));
    CHECK(log.all().empty());
}

TEST_CASE("health checks: servers that never answer leave the other services their looks",
          "[health]") {
    Backend silent([](Peer peer) { peer.receive_all(); });
    std::atomic<int> asked{0};
    Backend quick([&](Peer peer) {
        ++asked;
        peer.send("up");
    });
    model::HealthCheck patient = every(milliseconds(100));
    patient.timeout = std::chrono::minutes(1);
    patient.expect = "up";
    std::vector<CheckedServer> servers;
    for (std::size_t i = 0; i < 2 * HealthChecks::at_once_max; ++i)
        servers.push_back(of_service("hangs", checked(silent.port(), patient)));
    RecordingLog log;
    HealthChecks checks(log);
    REQUIRE(checks.set_servers(servers).has_value());
    CHECK(eventually([&] { return silent.accepted() >= HealthChecks::at_once_max / 2; }));
    model::HealthCheck check = every(milliseconds(20));
    check.expect = "up";
    servers.push_back(of_service("quick", checked(quick.port(), check)));
    REQUIRE(checks.set_servers(servers).has_value());
    CHECK(eventually([&] { return asked >= 5; }));
    // And somebody hears of those that have to wait.
    CHECK(eventually([&] { return log.count({"WARN checks_late", "slowest=hangs"}) == 1; }));
}

TEST_CASE("health checks: the first look at a server decides alone", "[health]") {
    Backend backend([](Peer peer) { peer.send("replica"); });
    RecordingLog log;
    HealthChecks checks(log);
    CheckedServer server = checked(backend.port(), every(std::chrono::hours(1)));
    server.check.expect = "primary";
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return is_down(server); }));
    CHECK(backend.accepted() == 1);
}

TEST_CASE("health checks: so does the first one that asks something else", "[health]") {
    Backend backend([](Peer peer) { peer.send("replica"); });
    RecordingLog log;
    HealthChecks checks(log);
    CheckedServer server = checked(backend.port(), every(std::chrono::hours(1)));
    server.check.expect = "replica";
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return backend.accepted() == 1; }));
    server.check.expect = "primary";
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return is_down(server); }));
    CHECK(backend.accepted() == 2);
    server.check.expect = "rep";
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return !is_down(server); }));
    CHECK(backend.accepted() == 3);
}

TEST_CASE("health checks: a name without an address says nothing about its server", "[health]") {
    Backend backend([](Peer) {});
    RecordingLog log;
    HealthChecks checks(log);
    const CheckedServer nameless = checked(1, every(milliseconds(10)), "nowhere.test");
    const CheckedServer here = checked(backend.port(), every(milliseconds(10)));
    REQUIRE(checks.set_servers({nameless, here}).has_value());
    CHECK(eventually([&] { return backend.accepted() >= 20; }));
    CHECK(eventually([&] {
        return log.count({"WARN backend_unresolved", "server=nowhere.test:1"}) == 1;
    }));
    CHECK_FALSE(is_down(nameless));
}

TEST_CASE("health checks: a drained server that is up serves nobody", "[health]") {
    Backend backend([](Peer) {});
    RecordingLog log;
    HealthChecks checks(log);
    CheckedServer drained = checked(backend.port());
    drained.server.weight = 0;
    const CheckedServer away = checked(closed_port());
    REQUIRE(checks.set_servers({drained, away}).has_value());
    CHECK(eventually([&] { return log.count({"ERROR service_down", "servers=1"}) == 1; }));
    // It takes connections again.
    drained.server.weight = 1;
    REQUIRE(checks.set_servers({drained, away}).has_value());
    CHECK(eventually([&] { return log.count({"INFO service_up"}) == 1; }));
}

TEST_CASE("health checks: without descriptors nothing is learned, which is said", "[health]") {
    Backend backend([](Peer) {});
    RecordingLog log;
    HealthChecks checks(log);
    const CheckedServer server = checked(backend.port(), every(milliseconds(10)));
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return backend.accepted() >= 2; }));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 3;  // all of them in use
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const bool was_said = eventually([&] { return log.count({"WARN checks_undecided"}) == 1; });
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(was_said);
    const std::size_t so_far = backend.accepted();
    CHECK(eventually([&] { return backend.accepted() >= so_far + 5; }));
    CHECK_FALSE(is_down(server));
    CHECK(log.count({"checks_undecided"}) == 1);
}

TEST_CASE("health checks: once stopped nobody is looked at, and what was found stays", "[health]") {
    Backend backend([](Peer) {});
    RecordingLog log;
    const CheckedServer away = checked(closed_port());
    const CheckedServer here = checked(backend.port(), every(milliseconds(10)));
    HealthChecks checks(log);
    REQUIRE(checks.set_servers({away}).has_value());
    CHECK(eventually([&] { return is_down(away); }));
    checks.stop();
    CHECK(checks.set_servers({here}).has_value());
    checks.set_addresses("db.internal", {"127.0.0.1"});
    // As long as others take for twenty looks.
    Backend other([](Peer) {});
    HealthChecks others(log);
    REQUIRE(others.set_servers({checked(other.port(), every(milliseconds(10)))}).has_value());
    CHECK(eventually([&] { return other.accepted() >= 20; }));
    CHECK(is_down(away));
    CHECK(backend.accepted() == 0);
    CHECK(log.count({"backend_up"}) == 0);
}

TEST_CASE("health checks: of a name's addresses clients get the one that was asked", "[health]") {
    Backend backend([](Peer peer) { peer.send("primary"); });
    RecordingLog log;
    HealthChecks checks(log);
    CheckedServer server = checked(backend.port(), every(milliseconds(10)), "db.internal");
    server.check.expect = "primary";
    checks.set_addresses("db.internal", {"127.0.0.2", "127.0.0.1"});
    REQUIRE(checks.set_servers({server}).has_value());
    const auto dialled = [&] {
        std::vector<proxy::SocketAddress> addresses = {
            *proxy::SocketAddress::parse("127.0.0.2", 1),
            *proxy::SocketAddress::parse("127.0.0.1", 1)};
        server.state->proven.apply(addresses);
        std::string text;
        for (const auto& address : addresses) text += address.text() + " ";
        return text;
    };
    CHECK(eventually([&] { return dialled() == "127.0.0.1:1 "; }));
    // Where accepting is enough another address is as good, but comes later.
    server.check.expect.clear();
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return dialled() == "127.0.0.1:1 127.0.0.2:1 "; }));
    REQUIRE(checks.set_servers({}).has_value());
    CHECK(eventually([&] { return dialled() == "127.0.0.2:1 127.0.0.1:1 "; }));
}

TEST_CASE("health checks: other addresses are looked at without waiting for the old ones' end",
          "[health]") {
    std::atomic<int> asked{0};
    Backend backend([&](Peer peer) {
        if (++asked > 1) peer.send("primary");
        peer.receive_all();
    });
    RecordingLog log;
    HealthChecks checks(log);
    model::HealthCheck check = every(std::chrono::minutes(5));
    check.timeout = std::chrono::minutes(5);
    check.expect = "primary";
    const CheckedServer server = checked(backend.port(), check, "db.internal");
    checks.set_addresses("db.internal", {"127.0.0.1"});
    REQUIRE(checks.set_servers({server}).has_value());
    REQUIRE(eventually([&] { return asked == 1; }));
    checks.set_addresses("db.internal", {"127.0.0.1", "127.0.0.9"});
    CHECK(eventually([&] { return asked == 2; }));
}

TEST_CASE("health checks: why a server is down, and since when, can be asked", "[health]") {
    RecordingLog log;
    HealthChecks checks(log);
    const CheckedServer server = checked(closed_port());
    const auto before = std::chrono::steady_clock::now();
    REQUIRE(checks.set_servers({server}).has_value());
    CHECK(eventually([&] { return server.state->story.told().reason == "Connection refused"; }));
    CHECK(server.state->story.told().since >= before);
}

#include "providers/docker_provider.hpp"
#include "support/catch.hpp"
#include "unit/control/support/manual_executor.hpp"
#include "unit/control/support/recording_log.hpp"
#include "unit/providers/support/docker_daemon.hpp"

namespace mesh::providers {
namespace {

using namespace std::chrono_literals;
using control::test::ManualExecutor;
using control::test::RecordingLog;
using test::DaemonContainer;
using test::DockerDaemon;

DaemonContainer routed_container(std::string id, std::string name) {
    DaemonContainer out;
    out.id = std::move(id);
    out.name = std::move(name);
    out.labels = {{"mesh.tcp.routers.a.rule", "HostSNI(`a`)"}};
    return out;
}

/// A provider and the daemon it follows.
struct Followed {
    explicit Followed(const std::function<void(model::DockerProvider&)>& change = nullptr) {
        settings.endpoint.url = "http://docker";
        settings.endpoint.unix_socket = "/run/docker.sock";
        if (change) change(settings);
    }

    void start() {
        provider = make_docker(settings, {daemon, executor, clock, log}, [this](auto inventory) {
            reports.push_back(std::move(inventory));
        });
        CHECK(reports.empty());
        executor.settle();
    }
    /// The units reported last: "web: web-1 web-2, ".
    [[nodiscard]] std::string units() const {
        std::string out;
        for (const config::LabelledUnit& unit : reports.back()->units) {
            out += unit.name + ":";
            for (const config::Instance& one : *unit.instances) out += " " + one.name;
            out += ", ";
        }
        return out;
    }

    model::DockerProvider settings;
    ManualClock clock{WallTime{std::chrono::hours(24 * 365 * 50)}};
    ManualExecutor executor{clock};
    RecordingLog log;
    DockerDaemon daemon;
    std::vector<config::InventoryPtr> reports;
    std::unique_ptr<Provider> provider;
};

}  // namespace

TEST_CASE("docker follower: listens for events, then lists, then inspects what is wanted") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.daemon.add({"b2", "db", {}});
    followed.start();

    REQUIRE(followed.daemon.paths.size() == 3);
    CHECK(followed.daemon.paths[0] ==
          "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D");
    CHECK(followed.daemon.sent[0].timeout == 0ms);
    CHECK(followed.daemon.sent[0].unix_socket == "/run/docker.sock");
    // Podman leaves out what is paused, unless it is asked for.
    CHECK(followed.daemon.paths[1] ==
          "/containers/json?filters=%7B%22status%22%3A%5B%22running%22%2C%22paused%22%5D%7D");
    CHECK(followed.daemon.sent[1].timeout == 30s);
    CHECK(followed.daemon.paths[2] == "/containers/a1/json");
    REQUIRE(followed.reports.size() == 1);
    CHECK(followed.units() == "web: web, ");
    CHECK(followed.reports[0]->left_out == 1);
    CHECK(followed.log.last("provider_up").fields.at("endpoint") == "unix:///run/docker.sock");
    CHECK(followed.log.last("provider_up").fields.at("units") == "1");
    const ProviderState state = followed.provider->state();
    CHECK(state.reachable);
    CHECK(state.units == 1);
    CHECK(state.since == followed.clock.now());
}

TEST_CASE(
    "docker follower: the first inventory is reported even if it is empty, the same one once") {
    Followed followed;
    followed.start();
    REQUIRE(followed.reports.size() == 1);
    CHECK(followed.reports[0]->units.empty());

    followed.executor.run_for(10min);
    CHECK(followed.reports.size() == 1);
    // Once a second after the start, and after the time to connect, then once a minute.
    CHECK(followed.daemon.lists() == 12);
    CHECK(followed.daemon.streams() == 1);
    CHECK(followed.log.lines.size() == 1);
}

TEST_CASE("docker follower: events are heeded when it is quiet; what is known is not asked again") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web-1"));
    followed.start();
    followed.executor.run_for(2s);
    const std::size_t lists = followed.daemon.lists();

    followed.daemon.add(routed_container("a2", "web-2"));
    CHECK(followed.daemon.event("create", "a2"));
    followed.executor.run_for(200ms);
    CHECK(followed.daemon.lists() == lists);
    CHECK(followed.daemon.event("start", "a2"));
    followed.executor.run_for(99ms);
    CHECK(followed.daemon.lists() == lists);
    followed.executor.run_for(1ms);
    CHECK(followed.daemon.lists() == lists + 1);
    CHECK(followed.units() == "web-1: web-1, web-2: web-2, ");
    CHECK(followed.daemon.inspections("a1") == 1);
    CHECK(followed.daemon.inspections("a2") == 1);

    followed.daemon.containers.erase("a1");
    CHECK(followed.daemon.event("die", "a1"));
    followed.executor.run_for(100ms);
    CHECK(followed.units() == "web-2: web-2, ");

    // A network of it has changed: what the list says need not show it.
    followed.daemon.containers.at("a2").exposed = {81};
    CHECK(followed.daemon.emit(
        R"({"Type":"network","Action":"connect","Actor":{"Attributes":{"container":"a2"}}})"
        "\n"));
    followed.executor.run_for(100ms);
    CHECK(followed.daemon.inspections("a2") == 2);
    CHECK(followed.reports.back()->units[0].instances->front().port == 81);
}

TEST_CASE("docker follower: under a steady flow of events it looks twice a second") {
    Followed followed;
    followed.start();
    followed.executor.run_for(2s);
    const std::size_t lists = followed.daemon.lists();
    for (int i = 0; i < 250; ++i) {
        CHECK(followed.daemon.event("start", "x"));
        followed.executor.run_for(20ms);
    }
    CHECK(followed.daemon.lists() - lists >= 9);
    CHECK(followed.daemon.lists() - lists <= 11);
}

TEST_CASE("docker follower: a slow daemon is left alone as long as it took") {
    Followed followed;
    followed.start();
    followed.executor.run_for(2s);
    std::size_t lists = followed.daemon.lists();
    for (int i = 0; i < 3; ++i) {
        followed.daemon.holds = [](const std::string& path) {
            return path.starts_with("/containers");
        };
        CHECK(followed.daemon.event("start", "x"));
        REQUIRE(followed.executor.run_until([&] { return followed.daemon.lists() > lists; }, 3s));
        CHECK(followed.daemon.lists() == ++lists);
        followed.executor.run_for(1s);
        CHECK(followed.daemon.event("start", "x"));
        followed.executor.run_for(1s);
        followed.daemon.release();
        followed.executor.run_for(1s);
        CHECK(followed.daemon.event("start", "x"));
        followed.executor.run_for(990ms);
        CHECK(followed.daemon.lists() == lists);
    }
    // Long after, an event is heeded as fast as ever.
    followed.executor.run_for(10s);
    const std::size_t before = followed.daemon.lists();
    CHECK(followed.daemon.event("start", "x"));
    followed.executor.run_for(100ms);
    CHECK(followed.daemon.lists() == before + 1);
}

TEST_CASE("docker follower: looks that follow each other without end are half a second apart") {
    Followed followed;
    followed.start();
    followed.executor.run_for(2s);
    const std::size_t lists = followed.daemon.lists();
    // Each look takes 30 ms, during which something happens again.
    followed.daemon.holds = [](const std::string& path) { return path.starts_with("/containers"); };
    CHECK(followed.daemon.event("start", "x"));
    std::size_t seen = lists;
    for (int i = 0; i < 500; ++i) {
        followed.executor.run_for(10ms);
        if (followed.daemon.lists() == seen) continue;
        ++seen;
        CHECK(followed.daemon.event("start", "x"));
        followed.executor.run_for(110ms);
        followed.daemon.release();
        followed.daemon.holds = [](const std::string& path) {
            return path.starts_with("/containers");
        };
        followed.executor.settle();
    }
    CHECK(followed.daemon.lists() - lists >= 7);
    CHECK(followed.daemon.lists() - lists <= 11);
}

TEST_CASE("docker follower: an event during a look leads to another one, with what it touched") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.daemon.holds = [](const std::string& path) { return path == "/containers/a1/json"; };
    followed.start();
    followed.executor.run_for(10ms);
    CHECK(followed.daemon.inspections("a1") == 1);
    CHECK(followed.daemon.event("rename", "a1"));
    followed.executor.run_for(150ms);
    CHECK(followed.daemon.lists() == 1);

    followed.daemon.release();
    CHECK(followed.executor.run_until([&] { return followed.daemon.lists() == 2; }, 170ms));
    followed.executor.settle();
    CHECK(followed.daemon.inspections("a1") == 2);
}

TEST_CASE("docker follower: what came to pass before the stream was heard is seen a second later") {
    Followed followed;
    followed.start();
    followed.daemon.add(routed_container("a1", "web"));
    followed.executor.run_for(1s);
    CHECK(followed.units() == "web: web, ");
}

TEST_CASE("docker follower: what came to pass while the stream was long in coming is seen too") {
    Followed followed;
    followed.start();
    followed.executor.run_for(5s);
    followed.daemon.add(routed_container("a1", "web"));
    followed.executor.run_for(6s);
    CHECK(followed.units() == "web: web, ");
    CHECK(followed.daemon.lists() == 3);
}

TEST_CASE("docker follower: without watch it looks every 15 s, and inspects what is listed anew") {
    Followed followed([](auto& settings) { settings.watch = false; });
    followed.daemon.add(routed_container("a1", "web"));
    followed.start();
    followed.executor.run_for(44s);
    CHECK(followed.daemon.lists() == 3);
    CHECK(followed.daemon.streams() == 0);
    CHECK(followed.daemon.inspections("a1") == 1);

    followed.daemon.containers.at("a1").health = "unhealthy";
    followed.executor.run_for(15s);
    CHECK(followed.units().empty());
    CHECK(followed.daemon.inspections("a1") == 2);
}

TEST_CASE("docker follower: health that no list tells is asked for again") {
    Followed followed;
    DaemonContainer checked = routed_container("a1", "checked");
    checked.health = "starting";
    checked.tells_health = false;
    followed.daemon.add(checked);
    followed.daemon.add(routed_container("a2", "web"));
    followed.start();
    CHECK(followed.units() == "web: web, ");

    followed.daemon.containers.at("a1").health = "healthy";
    followed.executor.run_for(2min);
    CHECK(followed.units() == "checked: checked, web: web, ");
    followed.daemon.containers.at("a1").health = "unhealthy";
    followed.executor.run_for(1min);
    CHECK(followed.units() == "web: web, ");
    CHECK(followed.daemon.inspections("a1") <= 5);
    CHECK(followed.daemon.inspections("a2") == 1);
}

TEST_CASE("docker follower: a health check that changes nothing costs no look") {
    Followed followed;
    DaemonContainer checked = routed_container("a1", "web");
    checked.health = "healthy";
    checked.tells_health = false;
    followed.daemon.add(checked);
    followed.daemon.add({"b2", "db", {}});
    followed.start();
    followed.executor.run_for(12s);
    const std::size_t requests = followed.daemon.paths.size();

    const auto podman_says = [&](const std::string& health) {
        CHECK(followed.daemon.emit(
            R"({"Type":"container","Action":"health_status","HealthStatus":")" + health +
            R"(","Actor":{"ID":"a1","Attributes":{}}})"
            "\n"));
    };
    for (int i = 0; i < 20; ++i) {
        CHECK(followed.daemon.event("health_status: healthy", "a1"));
        CHECK(followed.daemon.event("health_status: unhealthy", "b2"));  // none of ours
        podman_says("healthy");
        followed.executor.run_for(1s);
    }
    CHECK(followed.daemon.paths.size() == requests);

    followed.daemon.containers.at("a1").health = "unhealthy";
    podman_says("unhealthy");
    podman_says("unhealthy");
    followed.executor.run_for(100ms);
    CHECK(followed.units().empty());
    CHECK(followed.daemon.inspections("a1") == 2);
    followed.daemon.containers.at("a1").health = "healthy";
    CHECK(followed.daemon.event("health_status: healthy", "a1"));
    followed.executor.run_for(500ms);
    CHECK(followed.units() == "web: web, ");
    // What does not say which it is.
    CHECK(followed.daemon.event("health_status", "a1"));
    followed.executor.run_for(500ms);
    CHECK(followed.daemon.inspections("a1") == 4);
}

TEST_CASE("docker follower: at most eight inspections are under way") {
    Followed followed;
    for (int i = 0; i < 30; ++i)
        followed.daemon.add(routed_container("c" + std::to_string(i), "web-" + std::to_string(i)));
    followed.daemon.holds = [](const std::string& path) {
        return path.starts_with("/containers/c");
    };
    followed.start();
    CHECK(followed.daemon.open() == 1 + 8);
    followed.daemon.release();
    followed.executor.settle();
    CHECK(followed.reports.back()->units.size() == 30);
}

TEST_CASE(
    "docker follower: a daemon that goes away is tried again, told once, and what it said stays") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.start();
    followed.executor.run_for(20s);

    followed.daemon.is_down = true;
    followed.daemon.end_stream(DockerDaemon::response(200, ""));
    followed.executor.settle();
    const std::size_t requests = followed.daemon.paths.size();
    CHECK(followed.log.last("provider_down").fields.at("reason") == "connection refused");
    CHECK_FALSE(followed.provider->state().reachable);
    CHECK(followed.provider->state().units == 1);
    followed.executor.run_for(60s);
    // After 0.5, 1, 2, 4, 8, 15, 15 s, two requests each.
    CHECK(followed.daemon.paths.size() - requests == 2 * 7);
    CHECK(followed.log.count("provider_down") == 1);
    CHECK(followed.provider->state().reason == "connection refused");
    CHECK(followed.reports.size() == 1);
    CHECK(followed.daemon.open() == 0);

    followed.daemon.is_down = false;
    CHECK(followed.executor.run_until([&] { return followed.log.count("provider_up") == 2; }, 16s));
    CHECK(followed.reports.size() == 1);
    CHECK(followed.daemon.inspections("a1") == 2);
    followed.executor.run_for(20s);
    followed.daemon.is_down = true;
    followed.daemon.end_stream(DockerDaemon::response(200, ""));
    followed.executor.settle();
    followed.daemon.is_down = false;
    const std::size_t lists = followed.daemon.lists();
    followed.executor.run_for(501ms);
    CHECK(followed.daemon.lists() == lists + 1);  // the pauses begin small again
}

TEST_CASE("docker follower: a stream that is cut after a while is opened anew, without a word") {
    const auto cut = GENERATE(true, false);
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.start();
    followed.executor.run_for(10min);
    followed.daemon.add(routed_container("a2", "web-2"));
    if (cut)
        followed.daemon.end_stream(Error{Errc::io, Origin::upstream, "cut off"});
    else
        followed.daemon.end_stream(DockerDaemon::response(200, ""));
    followed.executor.settle();
    CHECK(followed.daemon.streams() == 2);
    CHECK(followed.units() == "web: web, web-2: web-2, ");
    CHECK(followed.provider->state().reachable);
    CHECK(followed.log.lines.size() == 1);
}

TEST_CASE("docker follower: streams that never last are opened in growing pauses") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.start();
    const auto began = followed.clock.steady_now();
    for (std::size_t i = 1; i <= 15; ++i) {
        REQUIRE(followed.executor.run_until([&] { return followed.daemon.streams() == i; }, 16s));
        followed.executor.run_for(1200ms);
        followed.daemon.end_stream(Error{Errc::io, Origin::upstream, "cut off"});
    }
    // After 0.5, 1, 2, 4, 8 s, then every 15 s.
    CHECK(followed.clock.steady_now() - began >= 9 * 15s);
    CHECK(followed.daemon.inspections("a1") == 15);
    CHECK(followed.log.lines.size() == 1);
}

TEST_CASE("docker follower: one that ends at once is no stream") {
    Followed followed;
    followed.start();
    followed.daemon.end_stream(DockerDaemon::response(200, ""));
    followed.executor.settle();
    CHECK(followed.log.last("provider_down").fields.at("reason") ==
          "the daemon ended its stream of events");
}

TEST_CASE("docker follower: a daemon that is not there at the start reports nothing, then all") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.daemon.is_down = true;
    followed.start();
    followed.executor.run_for(30s);
    CHECK(followed.reports.empty());
    CHECK(followed.log.count("provider_down") == 1);
    followed.daemon.is_down = false;
    followed.executor.run_for(15s);
    CHECK(followed.units() == "web: web, ");
}

TEST_CASE("docker follower: answers that make no sense are the daemon's fault, and named") {
    const auto reason = [](const std::string& path, int status, const std::string& body) {
        Followed followed;
        followed.daemon.add(routed_container("a1", "web"));
        followed.daemon.instead.emplace(path, DockerDaemon::response(status, body));
        followed.start();
        CHECK(followed.reports.empty());
        CHECK(followed.log.count("provider_up") == 0);
        return followed.log.last("provider_down").fields.at("reason");
    };
    CHECK(reason("/containers/json", 200, "<html>") ==
          "GET /containers/json: not JSON, it begins \"<html>\"");
    CHECK(reason("/containers/json", 403, "no") == "GET /containers/json: 403");
    CHECK(reason("/containers/json", 400, R"({"message":"client version 1.2 is too old"})") ==
          "GET /containers/json: 400: client version 1.2 is too old");
    CHECK(reason("/events", 403, "no") == "GET /events: 403 (watch: false does without events)");
    CHECK(reason("/containers/a1/json", 403, "") ==
          "no container can be inspected: GET /containers/ID/json: 403");
}

TEST_CASE("docker follower: events that are none end the stream") {
    Followed followed;
    followed.start();
    CHECK(followed.daemon.emit("hello\nand more\n"));
    CHECK(followed.executor.run_until([&] { return followed.daemon.open() == 0; }, 1s));
    CHECK(followed.log.last("provider_down").fields.at("reason") ==
          "GET /events: not an event: not JSON, it begins \"hello\"");
    CHECK(followed.daemon.open() == 0);

    followed.executor.run_for(500ms + DockerFollower::second_look);
    CHECK(followed.log.count("provider_up") == 2);
    const std::string piece((std::size_t{1} << 20) + 1, 'x');
    CHECK_FALSE(followed.daemon.emit(piece));
    followed.daemon.end_stream(Error{Errc::cancelled, Origin::upstream, "had enough"});
    followed.executor.settle();
    CHECK(followed.log.last("provider_down").fields.at("reason") == "an event of more than 1 MiB");
}

TEST_CASE("docker follower: what a refusal of events says is no event") {
    const auto reason = [](const std::string& body) {
        Followed followed;
        followed.daemon.holds = [](const std::string& path) { return path.starts_with("/events"); };
        followed.start();
        CHECK(followed.daemon.emit(body));
        followed.executor.settle();
        followed.daemon.end_stream(DockerDaemon::response(403, ""));
        followed.executor.settle();
        CHECK(followed.log.count("provider_down") == 1);
        return followed.log.last("provider_down").fields.at("reason");
    };
    CHECK(reason("{\"message\":\"not allowed\"}\n") ==
          "GET /events: 403: not allowed (watch: false does without events)");
    CHECK(reason("<html>\n<body>\n") == "GET /events: 403 (watch: false does without events)");
    CHECK(reason("") == "GET /events: 403 (watch: false does without events)");
}

TEST_CASE("docker follower: a daemon whose events are refused is not asked in a loop") {
    Followed followed;
    followed.daemon.instead.emplace("/events", DockerDaemon::response(403, ""));
    followed.start();
    followed.executor.run_for(60s);
    CHECK(followed.daemon.streams() == 8);
    CHECK(followed.log.count("provider_down") == 1);
}

TEST_CASE(
    "docker follower: lists that succeed while events are refused are no daemon that is back") {
    Followed followed;
    followed.daemon.holds = [](const std::string& path) { return path.starts_with("/events"); };
    followed.start();
    for (std::size_t i = 1; i <= 10; ++i) {
        REQUIRE(followed.executor.run_until([&] { return followed.daemon.streams() == i; }, 16s));
        followed.executor.run_for(100ms);
        followed.daemon.end_stream(DockerDaemon::response(403, ""));
    }
    CHECK(followed.log.count("provider_down") == 1);
    CHECK(followed.log.count("provider_up") == 1);
}

TEST_CASE("docker follower: a backlog that overflows makes it look at everything anew") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.start();
    followed.executor.run_for(2s);
    for (int i = 0; i < 3000; ++i) CHECK(followed.daemon.event("start", "other"));
    followed.executor.run_for(100ms);
    CHECK(followed.daemon.inspections("a1") == 2);
}

TEST_CASE("docker follower: a container that vanishes between list and inspection is passed over") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.daemon.add(routed_container("a2", "gone"));
    followed.daemon.instead.emplace("/containers/a2/json", DockerDaemon::response(404, ""));
    followed.start();
    CHECK(followed.units() == "web: web, ");
    CHECK(followed.log.count("provider_down") == 0);
}

TEST_CASE(
    "docker follower: one container the daemon cannot tell about stays as it was, told once") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.daemon.add(routed_container("a2", "odd"));
    followed.start();
    followed.daemon.instead.emplace("/containers/a2/json",
                                    DockerDaemon::response(500, R"({"message":"driver failed"})"));
    CHECK(followed.daemon.event("start", "a2"));
    followed.executor.run_for(5min);
    CHECK(followed.units() == "odd: odd, web: web, ");
    CHECK(followed.log.count("provider_container_unreadable") == 1);
    CHECK(followed.log.last("provider_container_unreadable").fields.at("detail") ==
          "GET /containers/ID/json: 500: driver failed");
    CHECK(followed.daemon.inspections("a2") >= 5);

    followed.daemon.instead.clear();
    followed.daemon.containers.at("a2").exposed = {90};
    followed.executor.run_for(1min);
    CHECK(followed.reports.back()->units[0].instances->front().port == 90);
}

TEST_CASE("docker follower: the only container, if it is corrupt, is no daemon that is away") {
    for (const auto& answer : {DockerDaemon::response(500, R"({"message":"no such layer"})"),
                               DockerDaemon::response(200, "{}")}) {
        Followed followed;
        followed.daemon.add(routed_container("a1", "web"));
        followed.daemon.instead.emplace("/containers/a1/json", answer);
        followed.start();
        REQUIRE(followed.reports.size() == 1);
        CHECK(followed.units().empty());
        CHECK(followed.log.count("provider_down") == 0);
        CHECK(followed.log.count("provider_container_unreadable") == 1);
    }
}

TEST_CASE("docker follower: containers that were known do not vanish by refusals") {
    Followed followed;
    followed.daemon.add(routed_container("a1", "web"));
    followed.start();
    followed.daemon.containers.clear();
    followed.daemon.add(routed_container("a2", "web"));
    followed.daemon.instead.emplace("/containers/a2/json", DockerDaemon::response(500, ""));
    CHECK(followed.daemon.event("start", "a2"));
    followed.executor.run_for(5min);
    CHECK(followed.units() == "web: web, ");
    CHECK(followed.reports.size() == 1);
    CHECK(followed.log.last("provider_down").fields.at("reason") ==
          "no container can be inspected: GET /containers/ID/json: 500");
    // They may stop, though.
    followed.daemon.containers.clear();
    followed.executor.run_for(15s);
    CHECK(followed.units().empty());
}

TEST_CASE("docker follower: the owner of a container's network is inspected too") {
    Followed followed;
    DaemonContainer owner{"f9", "vpn", {}};
    owner.networks = {{"vpn", "10.8.0.2"}};
    followed.daemon.add(owner);
    auto web = routed_container("a1", "web");
    web.network_mode = "container:f9";
    web.networks.clear();
    followed.daemon.add(web);
    followed.start();
    CHECK(followed.daemon.inspections("f9") == 1);
    CHECK(followed.reports.back()->units[0].instances->front().host == "10.8.0.2");
    CHECK(followed.reports.back()->left_out == 1);
}

TEST_CASE("docker follower: what an owner should know is told once, and again after it was gone") {
    Followed followed;
    auto web = routed_container("a1", "web");
    web.networks = {{"back", "10.0.0.2"}, {"front", "10.1.0.2"}};
    followed.daemon.add(web);
    followed.start();
    followed.executor.run_for(5min);
    CHECK(followed.log.count("provider_network_chosen") == 1);
    CHECK(followed.log.last("provider_network_chosen").fields.at("container") == "web");
    CHECK(followed.log.last("provider_network_chosen").fields.at("detail") == "back");

    followed.daemon.containers.at("a1").networks.erase("front");
    followed.executor.run_for(1min);
    followed.daemon.containers.at("a1").networks["front"] = "10.1.0.2";
    followed.executor.run_for(1min);
    CHECK(followed.log.count("provider_network_chosen") == 2);
}

TEST_CASE("docker follower: what comes and goes, or is told in other words, is told once") {
    Followed followed;
    auto web = routed_container("a1", "web");
    web.networks = {{"back", "10.0.0.2"}, {"front", "10.1.0.2"}};
    followed.daemon.add(web);
    followed.daemon.add(routed_container("a2", "odd"));
    followed.start();
    for (int i = 0; i < 60; ++i) {
        followed.daemon.instead.insert_or_assign(
            "/containers/a2/json",
            DockerDaemon::response(500, R"({"message":"try )" + std::to_string(i) + "\"}"));
        auto& networks = followed.daemon.containers.at("a1").networks;
        if (i % 2 == 0)
            networks.erase("front");
        else
            networks["front"] = "10.1.0.2";
        CHECK(followed.daemon.event("start", "a2"));
        followed.executor.run_for(1s);
    }
    CHECK(followed.log.count("provider_network_chosen") == 1);
    CHECK(followed.log.count("provider_container_unreadable") == 1);
}

TEST_CASE("docker follower: destroyed at any moment it cancels all, and nothing comes any more") {
    for (int step = 0; step < 6; ++step) {
        CAPTURE(step);
        Followed followed;
        followed.daemon.add(routed_container("a1", "web"));
        if (step == 1)
            followed.daemon.holds = [](const std::string& path) { return path != "/events"; };
        if (step == 2)
            followed.daemon.holds = [](const std::string& path) {
                return path == "/containers/a1/json";
            };
        followed.daemon.is_down = step == 3;
        followed.start();
        if (step == 4) CHECK(followed.daemon.event("die", "a1"));
        if (step == 5) {
            CHECK(followed.daemon.event("die", "a1"));
            followed.executor.settle();
        }
        const std::size_t reports = followed.reports.size();
        const std::size_t requests = followed.daemon.paths.size();
        followed.provider.reset();
        CHECK(followed.daemon.open() == 0);
        followed.executor.run_for(2min);
        CHECK(followed.reports.size() == reports);
        CHECK(followed.daemon.paths.size() == requests);
    }
}

TEST_CASE("docker follower: httpClientTimeout bounds lists and inspections, not the stream") {
    Followed followed([](auto& settings) { settings.http_client_timeout = 5s; });
    followed.start();
    CHECK(followed.daemon.sent[0].timeout == 0ms);
    CHECK(followed.daemon.sent[1].timeout == 5s);
    CHECK(followed.daemon.sent[1].body_size_max == container_list_size_max);
}

}  // namespace mesh::providers

// Which server the next connection goes to.
#include "proxy/balancer.hpp"

#include "model/weights.hpp"
#include "proxy/name_throttle.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <barrier>
#include <deque>
#include <map>
#include <string>
#include <thread>

using namespace mesh;
using proxy::ServerState;
using proxy::ServiceChoice;
using Standing = ServerState::Standing;

namespace {

constexpr SteadyTime at_start{std::chrono::hours(1)};

/// A service with one server for each weight, on ports 1, 2, 3 …
proxy::ServicePtr weighing(const std::vector<unsigned>& weights,
                           model::Strategy strategy = model::Strategy::wrr) {
    model::Service definition{"s", {}, {}};
    definition.strategy = strategy;
    for (std::size_t i = 0; i < weights.size(); ++i)
        definition.servers.push_back(
            {"127.0.0.1", static_cast<std::uint16_t>(i + 1), {}, weights[i]});
    return proxy::make_service(definition);
}

std::uint16_t port_of(const std::optional<ServiceChoice::Chosen>& chosen) {
    return chosen ? chosen->member->server.port : std::uint16_t{0};
}

/// All pools are as they began, and every name but one has an address.
ServiceChoice through(proxy::Service& service) {
    static const proxy::ServersNow as_begun{
        [](const proxy::Service& one) { return one.first; },
        [](const proxy::Pool::Member& member) { return member.server.host != "unresolved"; }};
    return {service, as_begun};
}

/// The ports to which so many connections go that end at once.
std::vector<std::uint16_t> ports(proxy::Service& service,
                                 std::size_t count,
                                 SteadyTime now = at_start) {
    std::vector<std::uint16_t> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(port_of(through(service).next(now)));
    return out;
}

using Shares = std::map<std::uint16_t, std::size_t>;

Shares shares(proxy::Service& service, std::size_t count, SteadyTime now = at_start) {
    Shares out;
    for (const std::uint16_t port : ports(service, count, now)) ++out[port];
    return out;
}

ServerState& state_of(const proxy::Service& service, std::size_t index) {
    return *service.first->members.at(index).state;
}

void eject(ServerState& state, SteadyTime now = at_start) {
    for (std::uint64_t i = 0; i < ServerState::failures_max; ++i) state.failed(now);
}

/// Calls `work` on several threads at once.
template <class Work>
void on_threads(Work work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("balancer: a round has each server as often as it weighs, spread evenly", "[balancer]") {
    using Round = std::vector<std::uint32_t>;
    CHECK(proxy::round_of({1, 1, 1}) == Round{0, 1, 2});
    CHECK(proxy::round_of({2, 1}) == Round{0, 1, 0});
    CHECK(proxy::round_of({0, 1}) == Round{1});
    CHECK(proxy::round_of({3, 2, 1}) == Round{0, 1, 0, 2, 1, 0});
    CHECK(proxy::round_of({}).empty());
    const Round long_one = proxy::round_of({100, 1});
    CHECK(long_one.size() == 101);
    CHECK(std::count(long_one.begin(), long_one.end(), 1U) == 1);
}

TEST_CASE("balancer: a round that is too long is cut, and nobody left out", "[balancer]") {
    const auto round = proxy::round_of({65'535, 65'534, 1});
    CHECK(round.size() <= model::round_max + 3);
    CHECK(std::count(round.begin(), round.end(), 2U) == 1);
    const auto half = static_cast<long>(model::round_max / 2);
    CHECK(std::abs(std::count(round.begin(), round.end(), 0U) - half) <= 2);
}

TEST_CASE("balancer: shares are exact, over threads too", "[balancer]") {
    // X27
    CHECK(shares(*weighing({3, 1}), 16) == Shares{{1, 12}, {2, 4}});
    const auto service = weighing({30, 20, 10});
    CHECK(shares(*service, 60) == Shares{{1, 30}, {2, 20}, {3, 10}});
    CHECK(service->first->round.size() == 6);  // without their common divisor

    std::array<std::atomic<std::size_t>, 4> counted{};
    on_threads([&] {
        for (const std::uint16_t port : ports(*service, 600)) ++counted.at(port);
    });
    CHECK(counted[1] == 1200);
    CHECK(counted[2] == 800);
    CHECK(counted[3] == 400);
}

TEST_CASE("balancer: a drained server gets nothing, not even where there is no other",
          "[balancer]") {
    // X28
    for (const auto strategy : {model::Strategy::wrr, model::Strategy::least_conn}) {
        const auto service = weighing({0, 5}, strategy);
        CHECK(shares(*service, 10) == Shares{{2, 10}});
        // Not in another's place either.
        auto choice = through(*service);
        CHECK(port_of(choice.next(at_start)) == 2);
        CHECK_FALSE(choice.next(at_start));
        const auto drained = weighing({0, 0}, strategy);
        CHECK_FALSE(through(*drained).next(at_start));
    }
}

TEST_CASE("balancer: a connection tries each server once", "[balancer]") {
    for (const auto strategy : {model::Strategy::wrr, model::Strategy::least_conn}) {
        const auto service = weighing({1, 3, 1}, strategy);
        auto choice = through(*service);
        std::vector<std::uint16_t> tried;
        while (auto chosen = choice.next(at_start)) tried.push_back(port_of(chosen));
        std::sort(tried.begin(), tried.end());
        CHECK(tried == std::vector<std::uint16_t>{1, 2, 3});
        CHECK_FALSE(through(*weighing({}, strategy)).next(at_start));
    }
}

TEST_CASE("balancer: the fewest connections for its weight", "[balancer]") {
    const auto service = weighing({3, 1}, model::Strategy::least_conn);
    std::vector<proxy::ServerSlot> open;
    for (int i = 0; i < 40; ++i) open.push_back(std::move(through(*service).next(at_start)->slot));
    CHECK(state_of(*service, 0).connections() == 30);
    CHECK(state_of(*service, 1).connections() == 10);
    open.clear();
    CHECK(state_of(*service, 0).connections() == 0);
    // Equals take turns, rather than one having all that end soon.
    CHECK(shares(*weighing({1, 1}, model::Strategy::least_conn), 10) == Shares{{1, 5}, {2, 5}});
}

TEST_CASE("balancer: connections are counted exactly over threads", "[balancer]") {
    const auto service = weighing({2, 1, 1}, model::Strategy::least_conn);
    std::mutex mutex;
    std::vector<proxy::ServerSlot> open;
    on_threads([&] {
        for (int i = 0; i < 500; ++i) {
            auto chosen = through(*service).next(at_start);
            const std::lock_guard lock(mutex);
            open.push_back(std::move(chosen->slot));
        }
    });
    CHECK(state_of(*service, 0).connections() == 1000);
    CHECK(state_of(*service, 1).connections() == 500);
    CHECK(state_of(*service, 2).connections() == 500);
}

TEST_CASE("balancer: three failures in a row put a server out, one try decides", "[balancer]") {
    ServerState state;
    CHECK(state.failed(at_start).is_first);
    CHECK_FALSE(state.failed(at_start).is_first);
    CHECK(state.reached(at_start));
    CHECK_FALSE(state.reached(at_start));
    CHECK_FALSE(state.failed(at_start).ejects);
    CHECK_FALSE(state.failed(at_start).ejects);
    CHECK(state.standing(at_start) == Standing::in);
    CHECK(state.failed(at_start).ejects);
    CHECK_FALSE(state.failed(at_start).ejects);
    CHECK(state.standing(at_start) == Standing::out);
    CHECK_FALSE(state.claim_trial(at_start));

    const SteadyTime later = at_start + ServerState::time_out;
    CHECK(state.standing(later) == Standing::due);
    std::atomic<int> elected{0};
    on_threads([&] { elected += state.claim_trial(later) ? 1 : 0; });
    CHECK(elected == 1);
    CHECK(state.standing(later) == Standing::out);
    state.gave_up(later);
    CHECK(state.claim_trial(later));
    CHECK_FALSE(state.failed(later).ejects);
    CHECK(state.standing(later) == Standing::out);
    CHECK(state.claim_trial(later + ServerState::time_out));
    CHECK(state.reached(later + ServerState::time_out));
    CHECK(state.standing(later) == Standing::in);
}

TEST_CASE("balancer: of a server that comes and goes not every change is told, and the last one is",
          "[balancer]") {
    ServerState state;
    bool said_away = false;
    int lines = 0;
    const auto fails = [&](SteadyTime now) {
        const auto failure = state.failed(now);
        lines += (failure.is_first ? 1 : 0) + (failure.ejects ? 1 : 0);
        said_away = said_away || failure.is_first;
    };
    const auto answers = [&](SteadyTime now) {
        const bool told = state.reached(now);
        lines += told ? 1 : 0;
        said_away = said_away && !told;
    };
    // An hour of that, ten times a second.
    constexpr std::chrono::milliseconds step{100};
    SteadyTime now = at_start;
    for (int i = 0; i < 36'000; ++i, now += step) {
        if (i % 5 < 4)
            fails(now);
        else
            answers(now);
    }
    CHECK(lines > 300);
    CHECK(lines <= 360 + proxy::ChangeThrottle::at_once);
    // Whatever it is from now on is said before long.
    fails(now + proxy::ChangeThrottle::interval);
    CHECK(said_away);
    answers(now + 2 * proxy::ChangeThrottle::interval);
    answers(now + 3 * proxy::ChangeThrottle::interval);
    CHECK_FALSE(said_away);
}

TEST_CASE("balancer: three refusals in a row put a server out, and being reached is no answer",
          "[balancer]") {
    constexpr auto time_out = ServerState::time_out;
    ServerState state;
    const auto refuse_twice = [&] {
        for (int i = 0; i < 2; ++i) {
            CHECK_FALSE(state.reached(at_start));
            CHECK_FALSE(state.refused(at_start));
        }
    };
    refuse_twice();
    state.spoke(at_start);
    refuse_twice();
    CHECK(state.standing(at_start) == Standing::in);
    CHECK(state.refused(at_start));
    CHECK_FALSE(state.refused(at_start));
    CHECK_FALSE(state.reached(at_start));  // one that was on its way
    CHECK(state.standing(at_start) == Standing::out);

    CHECK(state.claim_trial(at_start + time_out));
    CHECK_FALSE(state.reached(at_start + time_out));
    CHECK(state.standing(at_start + time_out) == Standing::out);
    SECTION("the trial is answered") {
        state.story.tell(at_start, "refused");
        state.spoke(at_start + time_out);
        CHECK(state.standing(at_start + time_out) == Standing::in);
        CHECK(state.story.told().reason.empty());
        CHECK_FALSE(state.refused(at_start + time_out));
    }
    SECTION("the trial is neither answered nor refused") {
        CHECK(state.claim_trial(at_start + 2 * time_out));
        CHECK_FALSE(state.reached(at_start + 2 * time_out));  // nobody was told that it was away
        CHECK(state.standing(at_start + 2 * time_out) == Standing::in);
        CHECK_FALSE(state.refused(at_start + 2 * time_out));
    }
    SECTION("the trial is refused") {
        CHECK_FALSE(state.refused(at_start + time_out));  // it was out before
        CHECK(state.claim_trial(at_start + 2 * time_out));
        CHECK_FALSE(state.reached(at_start + 2 * time_out));
        CHECK(state.standing(at_start + 2 * time_out) == Standing::out);
    }
}

TEST_CASE("balancer: the turns of a server that is out are shared by the others", "[balancer]") {
    const auto service = weighing({1, 1, 1});
    eject(state_of(*service, 1));
    CHECK(shares(*service, 60) == Shares{{1, 30}, {3, 30}});
    const auto counting = weighing({1, 1}, model::Strategy::least_conn);
    eject(state_of(*counting, 0));
    CHECK(shares(*counting, 10) == Shares{{2, 10}});
}

TEST_CASE("balancer: one connection tries a server that is due", "[balancer]") {
    const SteadyTime later = at_start + ServerState::time_out;
    for (const auto strategy : {model::Strategy::wrr, model::Strategy::least_conn}) {
        const auto service = weighing({1, 1}, strategy);
        eject(state_of(*service, 0));
        CHECK(shares(*service, 10, later) == Shares{{1, 1}, {2, 9}});
        state_of(*service, 0).reached(at_start);
        CHECK(shares(*service, 10, later) == Shares{{1, 5}, {2, 5}});
    }
}

TEST_CASE("balancer: where all are out they are tried as if none were", "[balancer]") {
    for (const auto strategy : {model::Strategy::wrr, model::Strategy::least_conn}) {
        const auto service = weighing({1, 1}, strategy);
        eject(state_of(*service, 0));
        eject(state_of(*service, 1));
        CHECK(shares(*service, 10) == Shares{{1, 5}, {2, 5}});
        // And last, where the others could not be reached just now.
        state_of(*service, 1).reached(at_start);
        auto choice = through(*service);
        CHECK(port_of(choice.next(at_start)) == 2);
        CHECK(port_of(choice.next(at_start)) == 1);
    }
}

TEST_CASE("balancer: a server that a check finds down gets nothing, be it the last one",
          "[balancer]") {
    for (const auto strategy : {model::Strategy::wrr, model::Strategy::least_conn}) {
        const auto service = weighing({1, 1}, strategy);
        CHECK(state_of(*service, 0).went_down());
        CHECK_FALSE(state_of(*service, 0).went_down());
        CHECK(shares(*service, 10, at_start + std::chrono::hours(1)) == Shares{{2, 10}});
        // One that is out stands behind those that are in, one that is down nowhere.
        eject(state_of(*service, 1));
        CHECK(shares(*service, 10) == Shares{{2, 10}});
        CHECK(state_of(*service, 1).went_down() == false);  // said already
        CHECK_FALSE(through(*service).next(at_start));
        CHECK(state_of(*service, 0).came_up());
        CHECK_FALSE(state_of(*service, 0).came_up());
        CHECK(shares(*service, 10) == Shares{{1, 10}});
        // What is up is in, whatever connections met before.
        CHECK(state_of(*service, 1).came_up());
        CHECK(shares(*service, 10) == Shares{{1, 5}, {2, 5}});
    }
}

TEST_CASE("balancer: a connection that gets through does not contradict a check", "[balancer]") {
    ServerState state;
    CHECK(state.failed(at_start).is_first);
    CHECK_FALSE(state.went_down());
    CHECK_FALSE(state.reached(at_start));
    CHECK(state.standing(at_start) == Standing::down);
    CHECK_FALSE(state.failed(at_start).is_first);
    CHECK(state.came_up());
    CHECK_FALSE(state.reached(at_start));
    CHECK(state.failed(at_start).is_first);
}

TEST_CASE(
    "balancer: who has no address has no turn, be it the last one, and its part's go to others",
    "[balancer]") {
    for (const auto strategy : {model::Strategy::wrr, model::Strategy::least_conn}) {
        model::Service definition{"s", {{"unresolved", 1, {}}, {"127.0.0.1", 2, {}}}, {}};
        definition.strategy = strategy;
        const auto service = proxy::make_service(definition);
        CHECK(shares(*service, 10) == Shares{{2, 10}});
        auto choice = through(*service);
        CHECK(port_of(choice.next(at_start)) == 2);
        CHECK_FALSE(choice.next(at_start));
    }
}

TEST_CASE("balancer: nobody is told that a server is up which a check puts down", "[balancer]") {
    // Whoever meets them at once: at the end it is down, and that was said last.
    int told_up_last = 0;
    for (int round = 0; round < 20; ++round) {
        std::deque<ServerState> states(2'000);
        for (ServerState& state : states) (void)state.failed(SteadyTime{});
        std::vector<char> said_up(states.size());
        std::vector<char> said_down(states.size());
        std::barrier together(2);
        std::thread checks([&] {
            together.arrive_and_wait();
            for (std::size_t i = 0; i < states.size(); ++i) said_down[i] = states[i].went_down();
        });
        together.arrive_and_wait();
        for (std::size_t i = 0; i < states.size(); ++i)
            said_up[i] = states[i].reached(SteadyTime{});
        checks.join();
        for (std::size_t i = 0; i < states.size(); ++i)
            if (said_up[i] != said_down[i]) ++told_up_last;
    }
    CHECK(told_up_last == 0);
}

TEST_CASE("balancer: an address that comes twice is one server with the weight of both",
          "[balancer]") {
    proxy::ServerStates states;
    const std::vector<model::Server> servers = {{"a", 1, {}, 1}, {"b", 1, {}, 2}, {"a", 1, {}, 3}};
    const auto pool = proxy::make_pool(servers, states);
    REQUIRE(pool->members.size() == 2);
    CHECK(pool->members[0].weight == 2);
    CHECK(pool->members[1].weight == 1);
    CHECK(proxy::same_servers(*pool, servers));
    CHECK_FALSE(proxy::same_servers(*pool, {{"a", 1, {}, 1}, {"b", 1, {}, 2}}));
}

TEST_CASE("balancer: a server that comes back is the one it was while connections last",
          "[balancer]") {
    proxy::ServerStates states;
    auto pool = proxy::make_pool({{"a", 1, {}}, {"b", 1, {}}}, states);
    const proxy::ServerSlot open(pool->members[0].state);
    const auto before = pool->members[0].state;
    pool = proxy::make_pool({{"b", 1, {}}}, states);
    pool = proxy::make_pool({{"a", 1, {}, 5}}, states);
    CHECK(pool->members[0].state == before);
    CHECK(before->connections() == 1);
    // What nothing holds is forgotten.
    for (std::uint16_t port = 1; port < 1000; ++port)
        pool = proxy::make_pool({{"c", port, {}}}, states);
    CHECK(states.size() < 200);
}

namespace {

/// A service made of these, each with its weight.
proxy::ServicePtr made_of(const std::vector<std::pair<proxy::ServicePtr, unsigned>>& parts) {
    model::Service definition{"w", {}, {}};
    std::vector<proxy::ServicePtr> services;
    for (const auto& [part, weight] : parts) {
        definition.services.push_back({{part->name, {}}, weight});
        services.push_back(part);
    }
    return proxy::make_service(definition, nullptr, services);
}

std::map<std::string, std::size_t> parts_of(proxy::Service& service,
                                            std::size_t count,
                                            SteadyTime now = at_start) {
    std::map<std::string, std::size_t> out;
    for (std::size_t i = 0; i < count; ++i) ++out[through(service).next(now)->service->name];
    return out;
}

proxy::ServicePtr named(const std::string& name, const std::vector<unsigned>& weights) {
    auto service = weighing(weights);
    service->name = name;
    return service;
}

}  // namespace

TEST_CASE("balancer: services have their shares, and their servers theirs", "[balancer]") {
    const auto blue = named("blue", {2, 1});
    const auto green = named("green", {1});
    const auto inner = made_of({{blue, 1}, {green, 1}});
    const auto outer = made_of({{inner, 2}, {named("red", {1}), 1}, {named("off", {1}), 0}});
    CHECK(parts_of(*outer, 18) ==
          std::map<std::string, std::size_t>{{"blue", 6}, {"green", 6}, {"red", 6}});
    CHECK(state_of(*blue, 0).connections() == 0);
}

TEST_CASE("balancer: where a service has no server left the next one has the connection",
          "[balancer]") {
    const auto blue = named("blue", {1, 1});
    const auto green = named("green", {1});
    const auto empty = named("empty", {});
    const auto service = made_of({{blue, 1}, {green, 1}, {empty, 1}});
    auto choice = through(*service);
    std::map<std::string, int> tried;
    while (const auto chosen = choice.next(at_start)) ++tried[chosen->service->name];
    CHECK(tried == std::map<std::string, int>{{"blue", 2}, {"green", 1}});

    // One with nobody in gets no turn, until one of its own is due.
    eject(state_of(*blue, 0));
    eject(state_of(*blue, 1));
    CHECK(parts_of(*service, 6) == std::map<std::string, std::size_t>{{"green", 6}});
    const auto later = parts_of(*service, 6, at_start + ServerState::time_out);
    CHECK(later.at("blue") == 2);
    // With all out they are tried as if none were.
    eject(state_of(*green, 0));
    CHECK(through(*service).next(at_start));
}

TEST_CASE("balancer: a part of which no server has an address leaves its share to the others",
          "[balancer]") {
    model::Service nameless{"nameless", {{"unresolved", 1, {}}}, {}};
    const auto service =
        made_of({{proxy::make_service(nameless), 8}, {named("a", {1}), 2}, {named("b", {1}), 1}});
    CHECK(parts_of(*service, 9) == std::map<std::string, std::size_t>{{"a", 6}, {"b", 3}});
}

TEST_CASE("balancer: the one server that can serve is found eight levels down", "[balancer]") {
    const auto empty = named("empty", {});
    const auto drained = named("drained", {0});
    const auto down = named("down", {1, 1});
    state_of(*down, 0).went_down();
    state_of(*down, 1).went_down();
    auto at_end = named("at end", {1});
    for (int level = 0; level < 7; ++level)
        at_end = made_of({{empty, 9}, {drained, 9}, {down, 9}, {at_end, 1}});
    CHECK(parts_of(*at_end, 20) == std::map<std::string, std::size_t>{{"at end", 20}});
    // That one is out: tried all the same, because there is no other.
    CHECK(through(*at_end).next(at_start)->member->state->connections() == 1);
    eject(*through(*at_end).next(at_start)->member->state);
    CHECK(parts_of(*at_end, 3) == std::map<std::string, std::size_t>{{"at end", 3}});
}

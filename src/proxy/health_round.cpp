#include "proxy/health_round.hpp"

#include "proxy/proxy_header.hpp"

#include <algorithm>
#include <poll.h>
#include <sys/eventfd.h>
#include <utility>

namespace mesh::proxy {
namespace {

using std::chrono::steady_clock;

/// A look that begins so much later than it should is late, where the interval is no longer.
constexpr std::chrono::milliseconds late_least{1'000};

bool asks_the_same(const CheckedServer& a, const CheckedServer& b) {
    return a.check == b.check && a.proxy_protocol == b.proxy_protocol;
}

/// Of poll(), until `at`; rounded up, so that it is not early.
int milliseconds_until(SteadyTime at) {
    if (at == SteadyTime::max()) return -1;
    constexpr std::chrono::milliseconds longest{60'000};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - steady_clock::now());
    return static_cast<int>(std::clamp(left, std::chrono::milliseconds{0}, longest).count());
}

}  // namespace

void HealthRound::replace(std::vector<CheckedServer> servers) {
    for (auto& [name, service] : services_)
        for (auto& [state, item] : service.items) item.is_wanted = false;
    for (CheckedServer& server : servers) {
        Service& service = services_[server.service];
        service.name = server.service;
        Item& item = service.items[server.state.get()];
        const bool is_drained = server.server.weight == 0;
        // One that is listed twice is one, with the weight of both.
        item.is_drained = is_drained && (item.is_drained || !item.is_wanted);
        if (!std::exchange(item.is_wanted, true)) take(service, item, std::move(server));
    }
    for (auto service = services_.begin(); service != services_.end();) {
        drop_unwanted(service->second);
        if (service->second.items.empty()) {
            service = services_.erase(service);
            continue;
        }
        tell_of_service(service->second);
        ++service;
    }
}

/// New, or as it was: with other questions it is asked at once.
void HealthRound::take(Service& service, Item& item, CheckedServer server) {
    const bool is_new = item.server.state == nullptr;
    const bool is_the_same = !is_new && asks_the_same(item.server, server);
    item.service = &service;
    item.lane = &service;
    if (is_new) by_host_[server.server.host].insert(&item);
    item.server = std::move(server);
    if (is_the_same) return;
    item.verdict.ask_anew();
    look_at(item, steady_clock::now());
}

void HealthRound::drop_unwanted(Service& service) {
    service.serving = service.down = 0;
    for (auto item = service.items.begin(); item != service.items.end();) {
        if (!item->second.is_wanted) {
            forget(item->second);
            item = service.items.erase(item);
            continue;
        }
        if (!item->second.is_drained) {
            ++service.serving;
            if (item->second.verdict.is_down()) ++service.down;
        }
        ++item;
    }
}

void HealthRound::forget(Item& item) {
    std::erase(running_, &item);
    order_.remove(item);
    const auto same_host = by_host_.find(item.server.server.host);
    same_host->second.erase(&item);
    if (same_host->second.empty()) by_host_.erase(same_host);
    item.server.state->proven.forget();
    if (!item.verdict.is_down() || !item.server.state->came_up()) return;
    item.server.state->story.tell(steady_clock::now(), {});
    log_.info("backend_up",
              "server is checked no more, and up as far as is known",
              {{"service", item.server.service}, {"server", item.server.server.text()}});
}

/// A look that takes place is broken off.
void HealthRound::look_at(Item& item, SteadyTime when) {
    if (item.probe) {
        item.probe.reset();
        std::erase(running_, &item);
    }
    order_.set(item, when);
}

void HealthRound::learn(const std::string& host, std::vector<std::string> literals) {
    if (literals.empty()) {
        addresses_.erase(host);
        return;
    }
    addresses_.insert_or_assign(host, std::move(literals));
    const auto items = by_host_.find(host);
    if (items == by_host_.end()) return;
    // Also those that are being looked at: what comes of the old addresses is no word on these.
    for (Item* const item : items->second) look_at(*item, steady_clock::now());
}

HealthProbe::Dialogue HealthRound::dialogue_for(const CheckedServer& server) const {
    HealthProbe::Dialogue dialogue;
    const std::uint16_t port = server.check.port.value_or(server.server.port);
    const std::string& host = server.server.host;
    if (const auto literal = SocketAddress::parse(host, port)) {
        dialogue.addresses.push_back(*literal);
    } else if (const auto known = addresses_.find(host); known != addresses_.end()) {
        for (const std::string& one : known->second)
            if (const auto address = SocketAddress::parse(one, port))
                dialogue.addresses.push_back(*address);
    }
    // Another port is another service of that host, which may not know of such headers.
    if (server.proxy_protocol && !server.check.port)
        dialogue.say = write_proxy_header(*server.proxy_protocol, std::nullopt);
    const ByteView send = as_bytes(server.check.send);
    dialogue.say.insert(dialogue.say.end(), send.begin(), send.end());
    const ByteView expect = as_bytes(server.check.expect);
    dialogue.hear.assign(expect.begin(), expect.end());
    return dialogue;
}

void HealthRound::begin_due() {
    const SteadyTime now = steady_clock::now();
    while (LookOrder::Look* const look = order_.begin_next(now))
        begin(static_cast<Item&>(*look), now);
    tell_late(now);
}

void HealthRound::begin(Item& item, SteadyTime now) {
    item.begun = now;
    HealthProbe::Dialogue dialogue = dialogue_for(item.server);
    item.probe =
        std::make_unique<HealthProbe>(std::move(dialogue), now, now + item.server.check.timeout);
    running_.push_back(&item);
    const HealthProbe::State state = item.probe->advance(now, 0);
    if (state != HealthProbe::State::running) conclude(item, state);
}

void HealthRound::wait(int bell) {
    std::vector<pollfd> watched{{bell, POLLIN, 0}};
    SteadyTime until = order_.next_at();
    const std::vector<Item*> running = running_;
    for (const Item* const item : running) {
        watched.push_back({item->probe->fd(), item->probe->wanted_events(), 0});
        until = std::min(until, item->probe->wake_at());
    }
    // Those that wait for a place are spoken of in time.
    const SteadyTime begun = steady_clock::now();
    if (order_.waits_longest(begun) != nullptr) until = std::min(until, begun + late_least);
    if (::poll(watched.data(), watched.size(), milliseconds_until(until)) < 0) return;
    eventfd_t rings = 0;
    if (watched[0].revents != 0) (void)::eventfd_read(bell, &rings);
    const SteadyTime now = steady_clock::now();
    for (std::size_t i = 0; i < running.size(); ++i) {
        const HealthProbe::State state = running[i]->probe->advance(now, watched[i + 1].revents);
        if (state != HealthProbe::State::running) conclude(*running[i], state);
    }
}

void HealthRound::conclude(Item& item, HealthProbe::State result) {
    const std::string reason = item.probe->reason();
    const bool is_decided = result != HealthProbe::State::undecided;
    if (!is_decided) tell_undecided(item, reason);
    const bool passed = result == HealthProbe::State::passed;
    if (passed) {
        using Others = ProvenAddress::Others;
        const bool was_answered = !item.server.check.expect.empty();
        item.server.state->proven.set(item.probe->address(),
                                      was_answered ? Others::never : Others::later);
    }
    const bool turns = is_decided && item.verdict.note(passed);
    const auto pause = item.verdict.pause(item.server.check, random_());
    look_at(item, std::max(item.begun + pause, steady_clock::now()));
    if (turns) tell(item, reason);
}

void HealthRound::tell(const Item& item, const std::string& reason) {
    const std::string server = item.server.server.text();
    Service& service = *item.service;
    const bool is_down = item.verdict.is_down();
    if (is_down && item.server.state->went_down())
        log_.warn("backend_down",
                  "server does not pass its health check",
                  {{"service", service.name}, {"server", server}, {"reason", reason}});
    if (!is_down && item.server.state->came_up())
        log_.info("backend_up",
                  "server passes its health check again",
                  {{"service", service.name}, {"server", server}});
    item.server.state->story.tell(steady_clock::now(), is_down ? reason : std::string());
    if (item.is_drained) return;
    is_down ? ++service.down : --service.down;
    tell_of_service(service);
}

/// Its clients are closed, and that is to be heard of. A drained server serves nobody.
void HealthRound::tell_of_service(Service& service) {
    const bool is_dark = service.serving > 0 && service.down == service.serving;
    if (is_dark == std::exchange(service.is_dark, is_dark)) return;
    if (is_dark)
        log_.error("service_down",
                   "no server passes its health check: clients are closed",
                   {{"service", service.name}, {"servers", std::uint64_t{service.serving}}});
    else if (service.serving > 0)
        log_.info("service_up", "clients are served again", {{"service", service.name}});
}

/// Nothing was learned, for as long as that lasts.
void HealthRound::tell_undecided(const Item& item, const std::string& reason) {
    const SteadyTime now = steady_clock::now();
    const std::string server = item.server.server.text();
    if (item.probe->has_addresses()) {
        if (undecided_lines_.allow({}, now))
            log_.warn("checks_undecided",
                      "this host has nothing left for health checks: servers stay what they were",
                      {{"service", item.server.service}, {"server", server}, {"reason", reason}});
    } else if (unresolved_lines_.allow(server, now)) {
        log_.warn("backend_unresolved",
                  "server cannot be checked: its name has no address yet",
                  {{"service", item.server.service}, {"server", server}});
    }
}

/// With who holds the places that are missed, most likely.
void HealthRound::tell_late(SteadyTime now) {
    const LookOrder::Look* const longest = order_.waits_longest(now);
    if (longest == nullptr) return;
    const auto& item = static_cast<const Item&>(*longest);
    const auto late = now - item.due;
    if (late < std::max(item.server.check.interval, late_least)) return;
    if (!late_lines_.allow({}, now)) return;
    const auto slowest =
        std::max_element(running_.begin(), running_.end(), [](const Item* a, const Item* b) {
            return a->service->running < b->service->running;
        });
    log_.warn("checks_late",
              "health checks come later than their interval: others take too long",
              {{"service", item.server.service},
               {"server", item.server.server.text()},
               {"late_ms",
                std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(late).count()}},
               {"slowest", slowest == running_.end() ? std::string() : (*slowest)->server.service},
               {"running", std::uint64_t{running_.size()}}});
}

}  // namespace mesh::proxy

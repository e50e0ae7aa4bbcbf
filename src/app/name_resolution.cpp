#include "app/name_resolution.hpp"

#include "base/quiet_thread.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace mesh::app {
namespace {

using std::chrono::steady_clock;

bool is_literal(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

struct FreeAddresses {
    void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

}  // namespace

std::set<std::string> host_names(const model::Configuration& configuration) {
    std::set<std::string> hosts;
    for (const auto& [name, service] : configuration.services)
        for (const model::Server& server : service.servers)
            if (!is_literal(server.host)) hosts.insert(server.host);
    return hosts;
}

std::vector<std::string> resolve(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
    const std::unique_ptr<addrinfo, FreeAddresses> list(found);
    std::vector<std::string> literals;
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(entry->ai_addr,
                          entry->ai_addrlen,
                          text.data(),
                          text.size(),
                          nullptr,
                          0,
                          NI_NUMERICHOST) == 0)
            literals.emplace_back(text.data());
    }
    return literals;
}

struct NameResolution::State {
    struct Host {
        bool is_set = false;                 ///< by set_hosts, not only asked for ahead of it
        bool answered = false;               ///< once at least, with addresses or without
        std::chrono::milliseconds retry{0};  ///< the last pause without an address; 0: none yet
        std::vector<std::string> last;
    };

    [[nodiscard]] static Status start_threads(const std::shared_ptr<State>& state);
    void run();
    // With the mutex held.
    void add(const std::string& name);
    void look_later(const std::string& name, std::chrono::milliseconds pause);
    void answer(const std::string& name, std::vector<std::string> literals);
    [[nodiscard]] std::chrono::milliseconds pause_after(Host& host) const;
    void forget(const std::string& name);
    [[nodiscard]] bool all_answered(const std::set<std::string>& names) const;

    Publish publish;
    Resolve resolve;
    ResolutionPace pace;
    std::mutex mutex;
    std::condition_variable wake;  ///< of the threads that ask
    std::condition_variable news;  ///< of those who wait for answers
    bool stopping = false;
    std::map<std::string, Host> hosts;
    std::set<std::string> asked_for;  ///< by some thread now
    std::size_t threads = 0;
    /// When to ask for a host, or to forget it; without those being asked for.
    std::multimap<steady_clock::time_point, std::string> due;
};

NameResolution::NameResolution(const std::set<std::string>& hosts,
                               Publish publish,
                               Resolve resolve,
                               const ResolutionPace& pace)
    : state_(std::make_shared<State>()) {
    state_->publish = std::move(publish);
    state_->resolve = std::move(resolve);
    state_->pace = pace;
    if (const Status begun = set_hosts(hosts); !begun)
        throw std::runtime_error(begun.error().message);
}

NameResolution::~NameResolution() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wake.notify_all();
    state_->news.notify_all();
}

Status NameResolution::set_hosts(const std::set<std::string>& hosts) {
    {
        const std::lock_guard lock(state_->mutex);
        for (const std::string& name : hosts) {
            state_->add(name);
            State::Host& host = state_->hosts.at(name);
            // One that was left out meanwhile: what its name server says now counts.
            if (!std::exchange(host.is_set, true) && host.answered)
                state_->look_later(name, std::chrono::milliseconds{0});
        }
        std::vector<std::string> gone;
        for (auto& [name, host] : state_->hosts)
            if (!hosts.contains(name) && (std::exchange(host.is_set, false) || !host.answered))
                gone.push_back(name);
        for (const std::string& name : gone) {
            if (state_->hosts.at(name).last.empty())
                state_->forget(name);
            else
                state_->look_later(name, state_->pace.linger);
        }
    }
    return State::start_threads(state_);
}

std::set<std::string> NameResolution::Ahead::resolve(const std::set<std::string>& hosts,
                                                     std::chrono::milliseconds patience) const {
    {
        const std::lock_guard lock(state_->mutex);
        for (const std::string& name : hosts) {
            state_->add(name);
            const State::Host& host = state_->hosts.at(name);
            if (!host.is_set && host.answered) state_->look_later(name, state_->pace.linger);
        }
    }
    (void)State::start_threads(state_);
    std::unique_lock lock(state_->mutex);
    state_->news.wait_for(
        lock, patience, [&] { return state_->stopping || state_->all_answered(hosts); });
    std::set<std::string> unknown;
    for (const std::string& name : hosts) {
        const auto found = state_->hosts.find(name);
        if (found == state_->hosts.end() || found->second.last.empty()) unknown.insert(name);
    }
    return unknown;
}

Status NameResolution::State::start_threads(const std::shared_ptr<State>& state) {
    std::size_t count = 0;
    {
        const std::lock_guard lock(state->mutex);
        const std::size_t wanted = std::min(state->hosts.size(), threads_max);
        count = wanted - std::min(wanted, state->threads);
        state->threads += count;
    }
    state->wake.notify_all();
    // Detached, because getaddrinfo cannot be interrupted: who joined would wait for a name server.
    std::size_t started = 0;
    try {
        for (; started < count; ++started)
            quiet_thread("mesh-names", [state] { state->run(); }).detach();
    } catch (const std::system_error& error) {
        const std::lock_guard lock(state->mutex);
        state->threads -= count - started;
        // Fewer threads only take longer.
        if (state->threads == 0)
            return Error{Errc::limit, Origin::internal, std::string("no thread: ") + error.what()};
    }
    return {};
}

void NameResolution::State::run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
        if (due.empty()) {
            wake.wait(lock);
            continue;
        }
        if (const auto at = due.begin()->first; at > steady_clock::now()) {
            wake.wait_until(lock, at);
            continue;
        }
        const std::string name = due.extract(due.begin()).mapped();
        if (const Host& host = hosts.at(name); !host.is_set && host.answered) {
            forget(name);
            continue;
        }
        asked_for.insert(name);
        lock.unlock();
        auto literals = resolve(name);
        lock.lock();
        if (stopping) return;
        asked_for.erase(name);
        answer(name, std::move(literals));
    }
}

/// Unless it is there; it is asked for at once.
void NameResolution::State::add(const std::string& name) {
    if (!hosts.try_emplace(name).second || asked_for.contains(name)) return;
    due.emplace(steady_clock::now(), name);
}

/// Its answer, if one is under way, says when to look again.
void NameResolution::State::look_later(const std::string& name, std::chrono::milliseconds pause) {
    if (asked_for.contains(name)) return;
    std::erase_if(due, [&](const auto& entry) { return entry.second == name; });
    due.emplace(steady_clock::now() + pause, name);
}

void NameResolution::State::answer(const std::string& name, std::vector<std::string> literals) {
    const auto found = hosts.find(name);
    if (found == hosts.end()) return;
    Host& host = found->second;
    host.answered = true;
    if (!literals.empty() && literals != host.last) {
        host.last = literals;
        publish(name, std::move(literals));
    }
    look_later(name, host.is_set ? pause_after(host) : pace.linger);
    wake.notify_one();
    news.notify_all();
}

/// A server that starts together with mesh is not to wait for its turn.
std::chrono::milliseconds NameResolution::State::pause_after(Host& host) const {
    if (!host.last.empty()) return pace.refresh;
    host.retry = std::min(pace.refresh, std::max(pace.retry, 2 * host.retry));
    return host.retry;
}

void NameResolution::State::forget(const std::string& name) {
    std::erase_if(due, [&](const auto& entry) { return entry.second == name; });
    if (!hosts.extract(name).mapped().last.empty()) publish(name, {});
}

bool NameResolution::State::all_answered(const std::set<std::string>& names) const {
    return std::all_of(names.begin(), names.end(), [this](const std::string& name) {
        const auto found = hosts.find(name);
        return found == hosts.end() || found->second.answered;
    });
}

}  // namespace mesh::app

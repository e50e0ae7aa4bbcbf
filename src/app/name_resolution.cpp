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
#include <thread>

namespace mesh::app {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds refresh_interval{30};

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
        std::string name;
        std::vector<std::string> last;
    };

    Publish publish;
    Resolve resolve;
    std::mutex mutex;
    std::condition_variable wake;
    bool stopping = false;
    std::set<std::string> hosts;
    std::set<std::string> asked_for;  ///< by some thread now
    std::size_t threads = 0;
    std::multimap<steady_clock::time_point, Host> due;  ///< without those being asked for

    void stop() {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        wake.notify_all();
    }
};

NameResolution::NameResolution(const std::set<std::string>& hosts, Publish publish, Resolve resolve)
    : state_(std::make_shared<State>()) {
    state_->publish = std::move(publish);
    state_->resolve = std::move(resolve);
    if (const Status begun = set_hosts(hosts); !begun)
        throw std::runtime_error(begun.error().message);
}

Status NameResolution::set_hosts(const std::set<std::string>& hosts) {
    std::size_t missing = 0;
    {
        const std::lock_guard lock(state_->mutex);
        for (const std::string& host : hosts)
            if (!state_->hosts.contains(host) && !state_->asked_for.contains(host))
                state_->due.emplace(steady_clock::now(), State::Host{host, {}});
        std::erase_if(state_->due,
                      [&](const auto& entry) { return !hosts.contains(entry.second.name); });
        state_->hosts = hosts;
        const std::size_t wanted = std::min(hosts.size(), threads_max);
        missing = wanted - std::min(wanted, state_->threads);
        state_->threads += missing;
    }
    state_->wake.notify_all();
    return start_threads(missing);
}

Status NameResolution::start_threads(std::size_t count) {
    // Detached, because getaddrinfo cannot be interrupted: who joined would wait for a name server.
    std::size_t started = 0;
    try {
        for (; started < count; ++started)
            quiet_thread("mesh-names", [state = state_] { run(*state); }).detach();
    } catch (const std::system_error& error) {
        const std::lock_guard lock(state_->mutex);
        state_->threads -= count - started;
        // Fewer threads only take longer.
        if (state_->threads == 0)
            return Error{Errc::limit, Origin::internal, std::string("no thread: ") + error.what()};
    }
    return {};
}

NameResolution::~NameResolution() {
    state_->stop();
}

void NameResolution::run(State& state) {
    std::unique_lock lock(state.mutex);
    while (!state.stopping) {
        if (state.due.empty()) {
            state.wake.wait(lock);
            continue;
        }
        if (const auto at = state.due.begin()->first; at > steady_clock::now()) {
            state.wake.wait_until(lock, at);
            continue;
        }
        auto host = state.due.extract(state.due.begin());
        state.asked_for.insert(host.mapped().name);
        lock.unlock();
        auto literals = state.resolve(host.mapped().name);
        lock.lock();
        if (state.stopping) return;
        state.asked_for.erase(host.mapped().name);
        if (!literals.empty() && literals != host.mapped().last) {
            host.mapped().last = literals;
            state.publish(host.mapped().name, std::move(literals));
        }
        if (!state.hosts.contains(host.mapped().name)) continue;
        host.key() = steady_clock::now() + refresh_interval;
        state.due.insert(std::move(host));
        state.wake.notify_one();
    }
}

}  // namespace mesh::app

#include "app/name_resolution.hpp"

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>

namespace mesh::app {
namespace {

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

NameResolution::NameResolution(std::set<std::string> hosts, Publish publish)
    : hosts_(std::move(hosts)), publish_(std::move(publish)) {
    if (!hosts_.empty()) thread_ = std::thread([this] { run(); });
}

NameResolution::~NameResolution() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void NameResolution::run() {
    std::map<std::string, std::vector<std::string>> last;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        for (const std::string& host : hosts_) {
            auto literals = resolve(host);
            if (literals.empty() || literals == last[host]) continue;
            last[host] = literals;
            publish_(host, std::move(literals));
        }
        lock.lock();
        wake_.wait_for(lock, refresh_interval, [this] { return stopping_; });
    }
}

}  // namespace mesh::app

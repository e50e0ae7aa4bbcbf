#pragma once
#include "model/configuration.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace mesh::app {

/// Keeps the addresses of servers that are written as host names up to date, off the data path:
/// one thread asks the system's resolver at once and then every 30 s. A name that stops resolving
/// keeps its last addresses.
class NameResolution {
 public:
    using Publish = std::function<void(const std::string& host, std::vector<std::string> literals)>;

    /// `publish` runs on the resolver's thread, for each name whose addresses changed.
    NameResolution(std::set<std::string> hosts, Publish publish);
    ~NameResolution();
    NameResolution(const NameResolution&) = delete;
    NameResolution& operator=(const NameResolution&) = delete;

 private:
    void run();

    std::set<std::string> hosts_;
    Publish publish_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

/// The servers of the configuration that are host names and not address literals.
[[nodiscard]] std::set<std::string> host_names(const model::Configuration& configuration);

/// IPv4 and IPv6 literals of `host` in the resolver's order, or empty.
[[nodiscard]] std::vector<std::string> resolve(const std::string& host);

}  // namespace mesh::app

#pragma once
#include "base/result.hpp"
#include "model/configuration.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mesh::app {

/// Keeps the addresses of servers that are written as host names up to date, off the data path:
/// asks the system's resolver at once and then every 30 s. A name that stops resolving keeps its
/// last addresses. A name server that does not answer holds up neither the other names, as long as
/// fewer than `threads_max` names wait for it, nor the end of this object.
class NameResolution {
 public:
    using Publish = std::function<void(const std::string& host, std::vector<std::string> literals)>;
    using Resolve = std::function<std::vector<std::string>(const std::string& host)>;

    static constexpr std::size_t threads_max = 8;

    /// Thread-safe: these hosts from now on. New ones are asked for at once, the others go on as
    /// they were, and what is no longer among them is not asked for again. Fails when there is no
    /// thread to ask with; the next call tries again.
    [[nodiscard]] Status set_hosts(const std::set<std::string>& hosts);

    /// `publish` runs on a resolving thread, one call at a time and never after the destructor,
    /// for each name whose addresses changed; it does not block. `resolve` may block as long as it
    /// likes, beyond the life of this object too. Throws when there is no thread to ask with.
    NameResolution(const std::set<std::string>& hosts, Publish publish, Resolve resolve);
    ~NameResolution();
    NameResolution(const NameResolution&) = delete;
    NameResolution& operator=(const NameResolution&) = delete;

 private:
    struct State;
    static void run(State& state);
    [[nodiscard]] Status start_threads(std::size_t count);

    std::shared_ptr<State> state_;  ///< shared with the threads, which may outlive this
};

/// The servers of the configuration that are host names and not address literals.
[[nodiscard]] std::set<std::string> host_names(const model::Configuration& configuration);

/// IPv4 and IPv6 literals of `host` in the resolver's order, or empty.
[[nodiscard]] std::vector<std::string> resolve(const std::string& host);

}  // namespace mesh::app

#pragma once
#include "base/result.hpp"
#include "model/configuration.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mesh::app {

/// How often names are asked for.
struct ResolutionPace {
    std::chrono::milliseconds refresh = std::chrono::seconds{30};
    /// How long the addresses stay of a host that is none any more: connections that were routed
    /// before may still dial it.
    std::chrono::milliseconds linger = std::chrono::seconds{30};
    /// The first pause after which a name that never had an address is asked for again; then twice
    /// as long each time, up to `refresh`.
    std::chrono::milliseconds retry = std::chrono::seconds{1};
};

/// Keeps the addresses of servers that are written as host names up to date, off the data path:
/// asks the system's resolver at once and then in its pace. A name that stops resolving keeps its
/// last addresses. A name server that does not answer holds up neither the other names, as long as
/// fewer than `threads_max` names wait for it, nor the end of this object.
class NameResolution {
 private:
    struct State;

 public:
    using Publish = std::function<void(const std::string& host, std::vector<std::string> literals)>;
    using Resolve = std::function<std::vector<std::string>(const std::string& host)>;

    static constexpr std::size_t threads_max = 8;

    /// Lets hosts be asked for that set_hosts() will name soon. Thread-safe, and may be used beyond
    /// the life of the NameResolution it comes from.
    class Ahead {
     public:
        explicit Ahead(std::shared_ptr<State> state) : state_(std::move(state)) {}
        /// Waits until each of `hosts` had an answer, at most for `patience`. Returns those that
        /// have no address then; they are asked for again all the same once they are set.
        [[nodiscard]] std::set<std::string> resolve(const std::set<std::string>& hosts,
                                                    std::chrono::milliseconds patience) const;

     private:
        std::shared_ptr<State> state_;
    };

    /// `publish` runs on a resolving thread, one call at a time and never after the destructor,
    /// for each name whose addresses changed, and without literals for one that is none of the
    /// hosts any more; it does not block. `resolve` may block as long as it likes, beyond the life
    /// of this object too. Throws when there is no thread to ask with.
    NameResolution(const std::set<std::string>& hosts,
                   Publish publish,
                   Resolve resolve,
                   const ResolutionPace& pace = {});
    ~NameResolution();
    NameResolution(const NameResolution&) = delete;
    NameResolution& operator=(const NameResolution&) = delete;

    /// Thread-safe: these hosts from now on. New ones are asked for at once, the others go on as
    /// they were, and what is no longer among them is not asked for again. Fails when there is no
    /// thread to ask with; the next call tries again.
    [[nodiscard]] Status set_hosts(const std::set<std::string>& hosts);

    [[nodiscard]] Ahead ahead() const { return Ahead(state_); }

 private:
    std::shared_ptr<State> state_;  ///< shared with the threads, which may outlive this
};

/// The servers of the configuration that are host names and not address literals.
[[nodiscard]] std::set<std::string> host_names(const model::Configuration& configuration);

/// IPv4 and IPv6 literals of `host` in the resolver's order, or empty.
[[nodiscard]] std::vector<std::string> resolve(const std::string& host);

}  // namespace mesh::app

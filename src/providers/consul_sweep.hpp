#pragma once
#include "base/clock.hpp"
#include "base/executor.hpp"
#include "providers/back_off.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>

namespace mesh::providers {

/// Reads services that have no blocking query of their own, a few requests at a time: those of
/// which something is known at once, others in sweeps, one a second or as many as make 200 requests
/// a second. Those that fail are read again after growing pauses.
class ConsulSweep {
 public:
    static constexpr std::size_t in_flight_max = 8;
    static constexpr std::chrono::milliseconds period{1'000};
    static constexpr std::chrono::milliseconds per_service{5};

    /// Begins to read a service; done() or forget() says that it is over.
    using Read = std::function<void(const std::string& service)>;

    ConsulSweep(Executor& executor, const Clock& clock, Read read);

    /// Something may have changed for this service.
    void add(const std::string& service);
    /// Something has changed: it does not wait for the others.
    void add_first(const std::string& service);
    /// It has been read, or could not be. Nothing happens if it was not being read.
    void done(const std::string& service, bool good);
    /// It is no affair of the sweep any more.
    void forget(const std::string& service);
    /// Forgets them all.
    void clear();

 private:
    void plan();
    void begin();
    void go_on();
    void try_failed_again();
    void later(std::chrono::milliseconds pause, void (ConsulSweep::*task)());

    Executor& executor_;
    const Clock& clock_;
    Read read_;
    std::set<std::string> wanted_;   ///< for the next sweep
    std::set<std::string> waiting_;  ///< of this one
    std::set<std::string> first_;    ///< before those
    std::set<std::string> in_flight_;
    std::set<std::string> failed_;
    SteadyTime next_begin_{};
    bool planned_ = false;
    bool retry_planned_ = false;
    BackOff back_off_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace mesh::providers

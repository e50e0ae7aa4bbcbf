#pragma once
#include "owned_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>

namespace mesh::bench {

using Clock = std::chrono::steady_clock;

/// Told when its descriptor may be ready. May be told for nothing, and for a descriptor it has just
/// replaced: whoever is told tries, and takes "not now" for an answer.
class Watcher {
 public:
    virtual void ready() = 0;

 protected:
    ~Watcher() = default;
};

enum class Trigger : std::uint8_t {
    edge,   ///< both ways, told of changes
    read,   ///< told as long as there is something to read
    write,  ///< told as long as there is room to write
};

/// One epoll descriptor and one thread. Watchers outlive the loop's runs.
class Loop {
 public:
    Loop();

    void add(int fd, Watcher& watcher, Trigger trigger);
    void change(int fd, Watcher& watcher, Trigger trigger);

    /// Tells watchers until `end`, or until `over` says so; `tick` is called every 100 ms or so.
    void run_until(Clock::time_point end,
                   const std::function<void()>& tick = {},
                   const std::function<bool()>& over = {});

 private:
    void control(int operation, int fd, Watcher& watcher, Trigger trigger);

    OwnedFd epoll_;
};

}  // namespace mesh::bench

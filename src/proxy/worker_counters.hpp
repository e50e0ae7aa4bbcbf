#pragma once
#include "proxy/cause.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace mesh::proxy {

/// A number that one worker writes and anybody reads: no read-modify-write cycle on the bus.
class WorkerCounter {
 public:
    void add(std::uint64_t more = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> value_{0};
};

/// What one worker has done since it began; on cache lines of its own.
struct alignas(64) WorkerCounters {
    WorkerCounter accepted;
    WorkerCounter crowded_out;  ///< dropped at once: too many handshakes pending from one source
    WorkerCounter challenges_answered;
    WorkerCounter handshakes;  ///< complete ones, of clients of a route
    WorkerCounter handshakes_resumed;
    WorkerCounter dials_failed;  ///< attempts to reach a server
    WorkerCounter established;
    WorkerCounter bytes_up;    ///< from clients to servers
    WorkerCounter bytes_down;  ///< from servers to clients
    /// Connections that have ended, by whose doing it was.
    std::array<WorkerCounter, causes> ended;
};

}  // namespace mesh::proxy

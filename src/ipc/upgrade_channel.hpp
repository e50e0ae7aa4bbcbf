#pragma once
#include "base/result.hpp"
#include "ipc/descriptor.hpp"
#include "ipc/upgrade_message.hpp"

#include <chrono>
#include <span>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace mesh::ipc {

/// One end of the way between a mesh and the process that is to replace it: whole messages, and
/// descriptors with them (SCM_RIGHTS). Blocking, each step with a deadline; an end is used by one
/// thread, but for interrupt().
class UpgradeChannel {
 public:
    using Deadline = std::chrono::steady_clock::time_point;

    /// Both ends. Errors: io.
    [[nodiscard]] static Result<std::pair<UpgradeChannel, UpgradeChannel>> make();
    /// An end that was passed to this process. Errors: io.
    [[nodiscard]] static Result<UpgradeChannel> over(Descriptor end);

    struct Received {
        UpgradeMessage message;
        std::vector<Descriptor> descriptors;  ///< as many as the message has sockets
    };
    /// Errors: timeout; closed: the other end is; cancelled: interrupt() was called; invalid,
    /// limit, unsupported: not a message; io.
    [[nodiscard]] Result<Received> receive(Deadline end) const;
    /// `descriptors` stay the caller's: the other process gets its own. Errors, all of which mean
    /// that nothing was sent: timeout, closed, cancelled, io.
    [[nodiscard]] Status send(const UpgradeMessage& message,
                              std::span<const int> descriptors,
                              Deadline end) const;
    /// Waits until the other end is closed; false: not by `end`, or interrupted before.
    [[nodiscard]] bool wait_closed(Deadline end) const;
    /// Thread-safe: whoever waits at this end waits no more, now or later. The other end learns
    /// nothing of it: what it makes of a closed end is not what is meant here.
    void interrupt() const;
    /// Waits until `end`, whatever comes; false: interrupted before. Throws nothing.
    [[nodiscard]] bool rest(Deadline end) const;
    /// Whether the other end is closed, whatever is still to be received.
    [[nodiscard]] bool is_closed() const;
    /// Whose process made the two ends: its number as of then. Errors: io.
    [[nodiscard]] Result<pid_t> maker() const;

    [[nodiscard]] int fd() const { return end_.get(); }

 private:
    UpgradeChannel(Descriptor end, Descriptor interrupted)
        : end_(std::move(end)), interrupted_(std::move(interrupted)) {}
    [[nodiscard]] Status wait_for(short events, Deadline end) const;

    Descriptor end_;
    Descriptor interrupted_;  ///< eventfd(2)
};

}  // namespace mesh::ipc

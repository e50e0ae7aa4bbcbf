#pragma once
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "ipc/process_handle.hpp"
#include "ipc/upgrade_channel.hpp"
#include "proxy/inherited_socket.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mesh::app {

/// The part of `patience` that a process can afford which has `left` until it is to be ready: all
/// of it where that is about as much as is usual, and in proportion where it is less.
[[nodiscard]] std::chrono::milliseconds affordable(std::chrono::milliseconds patience,
                                                   std::chrono::milliseconds left);

/// The side of the process that is to replace another, which started it. If that one ends by itself
/// meanwhile, this one goes on without its leave: the sockets are here, and somebody has to serve.
/// That it says no more is not its end: only when the process is gone does this one serve untold.
class UpgradeTakeover {
 public:
    /// Hears the offer of the process that $MESH_UPGRADE_FD leads to, and takes that out of the
    /// environment; null when there is none. Blocking, for ten seconds at most. Before there is a
    /// second thread. Errors: nobody is at the other end, or somebody else.
    [[nodiscard]] static Result<std::unique_ptr<UpgradeTakeover>> begin();
    ~UpgradeTakeover();
    UpgradeTakeover(const UpgradeTakeover&) = delete;
    UpgradeTakeover& operator=(const UpgradeTakeover&) = delete;

    /// What the other process listens on, and what it keeps to listen on later.
    [[nodiscard]] std::vector<proxy::InheritedSocket> take_sockets(int backlog, Log& log);
    [[nodiscard]] Secret take_ticket_keys() { return std::exchange(ticket_keys_, {}); }
    /// Returns when the other process has given the store up, or will not. Blocking.
    void obtain_store();
    /// This process will not serve. Call nothing after it.
    void fail(const std::string& reason, std::vector<std::string> findings = {});

    /// What the other process leaves this one until it is to be ready, from now on; never less
    /// than nothing.
    [[nodiscard]] std::chrono::milliseconds time_left() const;

    /// Called on a thread of its own.
    struct Steps {
        /// Accept; blocks until that is so. Errors: it never will be, since this process ends.
        std::function<Status()> serve;
        std::function<void()> go_alone;  ///< the other process counts on this one from here on
        /// The other process wants this one no more.
        std::function<void(const Error& why)> give_up;
    };
    /// This process can serve, and does when it is told to. Returns at once; call it once. Throws
    /// when there is no thread to be had.
    void ready(Steps steps);

 private:
    UpgradeTakeover(ipc::UpgradeChannel channel, std::optional<ipc::ProcessHandle> running)
        : channel_(std::move(channel)), running_(std::move(running)) {}
    [[nodiscard]] static Result<std::unique_ptr<UpgradeTakeover>> over(ipc::Descriptor end);
    [[nodiscard]] Status hear_offer();
    void follow(const Steps& steps);
    [[nodiscard]] Status await_commit();
    [[nodiscard]] Status confirm_death(const Error& closed) const;

    ipc::UpgradeChannel channel_;
    std::optional<ipc::ProcessHandle> running_;  ///< the other process; none: it had ended before
    std::chrono::steady_clock::time_point ready_by_{};
    std::vector<ipc::PassedSocket> sockets_;
    std::vector<ipc::Descriptor> descriptors_;
    Secret ticket_keys_;
    std::thread thread_;
};

}  // namespace mesh::app

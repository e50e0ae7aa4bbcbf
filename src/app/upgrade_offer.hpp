#pragma once
#include "base/result.hpp"
#include "base/secret.hpp"
#include "ipc/successor.hpp"
#include "ipc/upgrade_channel.hpp"
#include "proxy/inherited_socket.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace mesh::app {

/// What became of an upgrade.
struct UpgradeOutcome {
    bool serving = false;               ///< the new process serves
    pid_t pid = 0;                      ///< its number; 0: there never was one
    std::string summary;                ///< one line for people
    std::vector<std::string> findings;  ///< of a configuration that it refuses
};

/// The side of the process that is to be replaced: starts the new one, gives it the sockets, lets
/// it have the store, and lets it serve once it is ready. Until it is told to, every failure leaves
/// things as they were: the new process is ended and the store taken back. From then on it may be
/// accepting, and nothing ends it: only its own end is a failure, and this process serves until the
/// other one says that it does. docs/upgrade.md tells each step.
class UpgradeOffer {
 public:
    /// How long the new process has until it is ready, at most and by default.
    static constexpr std::chrono::milliseconds ready_within{45'000};

    /// What it needs of this process. Called on the offer's thread, where they may block.
    struct Surroundings {
        std::string version;
        Secret ticket_keys;
        /// The new process is about to be started, with copies of all descriptors until it runs its
        /// program; see DataPlane::expect_copies.
        std::function<Status()> expect_copies;
        std::function<Result<std::vector<proxy::InheritedSocket>>()> sockets;
        std::function<Status()> give_up_store;
        /// After give_up_store(), whatever came of that. Called again when it throws.
        std::function<void()> take_store_back;
        /// Once, at the end. The new process goes on alone when this object goes.
        std::function<void(UpgradeOutcome)> ended;
    };

    /// Begins at once. Throws when there is no thread to be had.
    UpgradeOffer(ipc::Successor::Start program,
                 std::chrono::milliseconds ready_time,
                 Surroundings around);
    /// Waits for the end, which it hastens. A process that was told to serve is left alone.
    ~UpgradeOffer();
    UpgradeOffer(const UpgradeOffer&) = delete;
    UpgradeOffer& operator=(const UpgradeOffer&) = delete;

    /// Thread-safe: the upgrade fails now, unless the new process was told to serve already.
    /// `ended` is called in either case.
    void abandon();

 private:
    using Deadline = ipc::UpgradeChannel::Deadline;

    enum class Stage { talking, committed, abandoned };

    void run();
    [[nodiscard]] UpgradeOutcome outcome();
    [[nodiscard]] Result<ipc::Successor> start();
    [[nodiscard]] Status converse(const ipc::Successor& successor);
    [[nodiscard]] Status offer_sockets(Deadline end);
    [[nodiscard]] Status await_ready(Deadline end);
    [[nodiscard]] Status commit();
    [[nodiscard]] Status await_serving(const ipc::Successor& successor);
    [[nodiscard]] Result<ipc::UpgradeMessage> hear(Deadline end);
    void withdraw(const ipc::Successor& successor);

    ipc::Successor::Start program_;
    const std::chrono::milliseconds ready_time_;
    Surroundings around_;
    std::optional<ipc::UpgradeChannel> channel_;
    std::optional<ipc::UpgradeChannel> theirs_;  ///< until the new process has it
    bool store_given_up_ = false;
    std::vector<std::string> findings_;
    std::atomic<Stage> stage_{Stage::talking};
    std::atomic<bool> leaving_{false};  ///< nobody wants the outcome any more
    std::thread thread_;
};

}  // namespace mesh::app

#pragma once
#include "base/executor.hpp"
#include "base/log.hpp"
#include "store/store.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>

namespace mesh::control {

/// Commits transitions, and goes on committing when the disk does not take them: what failed is
/// kept in memory and repeated after 1 s doubling to 30 s until it succeeds; nobody begins an
/// order meanwhile. The store itself says when it is degraded; here is said, once, that something
/// waits for it.
///
/// Bound to one executor. Bounded by its users: a certificate has at most one commit under way.
class StoreGate {
 public:
    using Done = std::function<void(const store::Applied&)>;
    using Failed = std::function<void(const Error&)>;

    StoreGate(store::Store& store, Executor& executor, Log& log);

    /// `done` runs on the executor once the transition is on disk, however long that takes.
    /// `first_failure` runs at most once, when it turned out to take longer. A transition the
    /// store cannot ever apply is logged and dropped; then `refused` runs instead of `done`.
    void commit(store::Transition transition,
                Done done = {},
                Failed first_failure = {},
                Failed refused = {});

    /// True while something waits to be repeated, or the store cannot be written at all.
    [[nodiscard]] bool degraded() const;
    /// Called on the executor when `degraded` ends, by a commit that worked or by a store that
    /// turned writable.
    void on_recovered(std::function<void()> call) { recovered_ = std::move(call); }

 private:
    struct Pending {
        store::Transition transition;
        Done done;
        Failed first_failure;
        Failed refused;
        bool reported = false;
    };
    using PendingPtr = std::shared_ptr<Pending>;

    void send(PendingPtr pending);
    void answered(const PendingPtr& pending, const Result<store::Applied>& result);
    void failed(const PendingPtr& pending, const Error& error);
    void announce(std::string_view why, std::string_view code);
    void retry();
    void go_on();
    void look_whether_writable();
    void refused(const Pending& pending, const Error& error);

    store::Store& store_;
    Executor& executor_;
    Log& log_;
    std::function<void()> recovered_;
    std::deque<PendingPtr> waiting_;  ///< oldest first
    bool announced_ = false;          ///< that something waits was said
    bool retrying_ = false;           ///< the oldest one is with the store, or its timer runs
    std::chrono::milliseconds wait_{0};
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace mesh::control

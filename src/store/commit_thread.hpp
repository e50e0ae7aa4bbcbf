#pragma once
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/change_writer.hpp"
#include "store/connection.hpp"
#include "store/statement.hpp"
#include "store/test_hooks.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace mesh::store {

/// The one thread that writes. Whatever is queued while a commit runs shares the next one; each
/// transition has its own savepoint in it, so that one that cannot be applied takes no other with
/// it. Completions are posted after the commit returned, which in synchronous=FULL is after the
/// fsync.
///
/// A store whose place could not be written when it was opened begins without a connection: what is
/// submitted fails with the reason, and the connection is asked for again until there is one.
class CommitThread {
 public:
    using Done = std::function<void(Result<Applied>)>;

    /// What the thread needs from the store it belongs to. Called on the thread.
    struct Surroundings {
        /// Gives a connection for writing, with the current schema, or says why there is none.
        std::function<Result<Connection>()> become_writer;
        /// The store can be written from now on.
        std::function<void()> began_to_write;
        /// Chains and keys were committed, or deleted.
        std::function<void()> certificates_changed;
    };

    /// Changes queued at most; beyond it a transition completes at once with Errc::limit.
    static constexpr std::size_t queued_changes_max = 200'000;
    /// How long the destructor goes on writing what is queued; the rest completes with cancelled.
    static constexpr std::chrono::seconds stop_time{5};

    /// `reason` says why `database` is null, when it is. `log` is shared by threads.
    CommitThread(Connection database,
                 Error reason,
                 std::string path,
                 Surroundings around,
                 std::chrono::milliseconds retry,
                 TestHooks hooks,
                 Log& log);
    ~CommitThread();
    CommitThread(const CommitThread&) = delete;
    CommitThread& operator=(const CommitThread&) = delete;

    /// Thread-safe, never waits for the disk.
    void submit(Transition transition, Executor& executor, Done done);
    /// Thread-safe. Whether there is a connection for writing; once there is, it stays until
    /// pause().
    [[nodiscard]] bool writable() const { return writable_; }
    /// Finishes what is queued, for at most `stop_time`. The connection stays open until this
    /// object goes.
    void stop();
    /// stop(), and the connection is closed. What is submitted completes with cancelled.
    void pause();
    /// After pause(): writes again, or asks for a connection again until there is one. Throws when
    /// there is no thread or memory to be had; then it is as after pause().
    void resume(Result<Connection> database);

 private:
    using Clock = std::chrono::steady_clock;
    struct Job {
        Transition transition;
        Executor* executor;
        Done done;
        Result<Applied> result;
    };

    /// The connection with everything prepared on it.
    struct Writer {
        explicit Writer(Connection opened);
        Connection database;
        ChangeWriter changes;
        SQLite::Statement savepoint;
        SQLite::Statement release;
        SQLite::Statement roll_back;
    };

    void run();
    void become_writer_when_due();
    void start(Connection database, const Error& reason);
    void begin_to_write(Connection database);
    void not_yet(Error why);
    /// When there is something to do without being asked.
    [[nodiscard]] std::optional<Clock::time_point> next_chore() const;
    /// Waits for work. Empty when there will be none any more, or when a chore is due.
    std::vector<Job> next_batch();
    /// Why jobs were not committed.
    struct Failure {
        Error error;
        bool began = false;  ///< false: there was no transaction, whoever's jobs these were
    };

    void commit(std::vector<Job>& batch);
    std::optional<Failure> commit_together(std::span<Job> jobs);
    std::optional<Failure> commit_one_by_one(std::span<Job> jobs, const Failure& together);
    void apply_all(std::span<Job> jobs);
    void apply_in_savepoint(Job& job);
    void begin();
    void note(const std::optional<Failure>& failure);
    /// What cannot be written for damage is said once, and looked for at the next start.
    void note_damage(std::span<const Job> jobs);
    void wipe_log_when_due();
    [[nodiscard]] bool time_is_up();
    void cancel_queued();
    static void fail(std::span<Job> jobs, const Error& why);
    static void complete(Job& job);

    std::string path_;
    Surroundings around_;
    std::chrono::milliseconds retry_;
    TestHooks hooks_;
    Log& log_;
    std::unique_ptr<Writer> writer_;
    Error why_not_;  ///< without a writer
    /// When to ask for a writer again, without one.
    std::optional<Clock::time_point> ask_at_;
    std::atomic<bool> writable_{false};
    bool degraded_ = false;
    bool damage_noted_ = false;
    /// When the log is to be emptied because pages with deleted keys are still in it.
    std::optional<Clock::time_point> wipe_at_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> queue_;
    std::size_t queued_changes_ = 0;
    std::optional<Clock::time_point> stop_by_;
    std::thread thread_;
};

}  // namespace mesh::store

#pragma once
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/change_writer.hpp"
#include "store/connection.hpp"
#include "store/statement.hpp"
#include "store/test_hooks.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
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
class CommitThread {
 public:
    using Done = std::function<void(Result<Applied>)>;

    /// Changes queued at most; beyond it a transition completes at once with Errc::limit.
    static constexpr std::size_t queued_changes_max = 200'000;
    /// How long the destructor goes on writing what is queued; the rest completes with cancelled.
    static constexpr std::chrono::seconds stop_time{5};

    /// `database` is open for writing, with the current schema. `log` is shared by threads.
    CommitThread(Connection database, std::string path, TestHooks hooks, Log& log);
    ~CommitThread();
    CommitThread(const CommitThread&) = delete;
    CommitThread& operator=(const CommitThread&) = delete;

    /// Thread-safe, never waits for the disk.
    void submit(Transition transition, Executor& executor, Done done);

 private:
    using Clock = std::chrono::steady_clock;
    struct Job {
        Transition transition;
        Executor* executor;
        Done done;
        Result<Applied> result;
    };

    void run();
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
    void wipe_log_when_due();
    [[nodiscard]] bool time_is_up();
    void cancel_queued();
    static void fail(std::span<Job> jobs, const Error& why);
    static void complete(Job& job);

    std::string path_;
    TestHooks hooks_;
    Log& log_;
    Connection database_;
    ChangeWriter changes_;
    SQLite::Statement savepoint_;
    SQLite::Statement release_;
    SQLite::Statement roll_back_;
    bool degraded_ = false;
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

#include "store/commit_thread.hpp"

#include "base/quiet_thread.hpp"
#include "store/crash_points.hpp"
#include "store/damage.hpp"
#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace mesh::store {
namespace {

// Bounds a commit's size and how long the first of a batch waits for the last.
constexpr std::size_t changes_per_commit = 10'000;
// An outside writer (an operator's shell) is waited for this often, busy_timeout each.
constexpr int begin_tries = 3;
// Keys deleted in one second leave the log together.
constexpr std::chrono::seconds wipe_delay{1};

bool is_busy(const SQLite::Exception& exception) {
    return (exception.getErrorCode() & 0xff) == SQLITE_BUSY;
}

/// What the online copy should have soon, or should not have any more.
bool concerns_keys(const Change& change) {
    return std::holds_alternative<PutVersion>(change) ||
           std::holds_alternative<DeleteCertificate>(change);
}

Error closed() {
    return Error{Errc::cancelled, Origin::internal, "the store was closed"};
}

}  // namespace

CommitThread::Writer::Writer(Connection opened)
    : database(std::move(opened)),
      changes(*database),
      savepoint(*database, "SAVEPOINT transition"),
      release(*database, "RELEASE transition"),
      roll_back(*database, "ROLLBACK TO transition") {}

CommitThread::CommitThread(Connection database,
                           Error reason,
                           std::string path,
                           Surroundings around,
                           std::chrono::milliseconds retry,
                           TestHooks hooks,
                           Log& log)
    : path_(std::move(path)), around_(std::move(around)), retry_(retry), hooks_(hooks), log_(log) {
    start(std::move(database), reason);
}

void CommitThread::start(Connection database, const Error& reason) {
    if (database) {
        begin_to_write(std::move(database));
    } else {
        why_not_ = reason;
        degraded_ = true;
        ask_at_ = Clock::now() + retry_;
    }
    // Under the lock: as long as there is no thread, nobody may queue what it would write.
    const std::lock_guard lock(mutex_);
    thread_ = quiet_thread("mesh-store", [this] { run(); });
    stop_by_.reset();
}

CommitThread::~CommitThread() {
    stop();
}

void CommitThread::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stop_by_ = Clock::now() + stop_time;
    }
    wake_.notify_one();
    thread_.join();
}

void CommitThread::pause() {
    stop();
    writable_ = false;
    writer_.reset();
    ask_at_.reset();
    wipe_at_.reset();
}

void CommitThread::resume(Result<Connection> database) {
    try {
        if (database)
            start(*std::move(database), {});
        else
            start(nullptr, database.error());
    } catch (...) {
        pause();  // whoever tries again opens the file anew
        throw;
    }
}

void CommitThread::begin_to_write(Connection database) {
    writer_ = std::make_unique<Writer>(std::move(database));
    ask_at_.reset();
    // What a killed owner left in the log may hold deleted keys.
    wipe_at_ = Clock::now();
    writable_ = true;
    around_.began_to_write();
}

void CommitThread::submit(Transition transition, Executor& executor, Done done) {
    Job job{std::move(transition), &executor, std::move(done), {}};
    {
        const std::lock_guard lock(mutex_);
        const bool has_room =
            queued_changes_ + job.transition.size() <= queued_changes_max || queue_.empty();
        if (has_room && !stop_by_) {
            queued_changes_ += job.transition.size();
            queue_.push_back(std::move(job));
            wake_.notify_one();
            return;
        }
        job.result =
            stop_by_
                ? closed()
                : Error{Errc::limit, Origin::internal, "too many writes are waiting for " + path_};
    }
    complete(job);
}

void CommitThread::run() {
    for (;;) {
        std::vector<Job> batch = next_batch();
        become_writer_when_due();
        if (!batch.empty()) {
            commit(batch);
            continue;
        }
        wipe_log_when_due();
        const std::lock_guard lock(mutex_);
        if (stop_by_ && queue_.empty()) return;
    }
}

/// Somebody may have made room, or given back a right.
void CommitThread::become_writer_when_due() {
    if (!ask_at_ || Clock::now() < *ask_at_) return;
    try {
        Result<Connection> database = around_.become_writer();
        if (database) {
            begin_to_write(*std::move(database));
            note(std::nullopt);
            return;
        }
        not_yet(database.error());
    } catch (const SQLite::Exception& exception) {
        not_yet(sqlite_error("cannot write " + path_, exception));
    }
    ask_at_ = Clock::now() + retry_;
}

void CommitThread::not_yet(Error why) {
    if (why.message != why_not_.message)
        log_.error("store_degraded",
                   "the store cannot be written, for another reason now",
                   {{"storage", path_}, {"reason", why.message}});
    why_not_ = std::move(why);
}

std::optional<CommitThread::Clock::time_point> CommitThread::next_chore() const {
    return ask_at_ ? ask_at_ : wipe_at_;
}

std::vector<CommitThread::Job> CommitThread::next_batch() {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !queue_.empty() || stop_by_; };
    if (const auto chore = next_chore())
        wake_.wait_until(lock, *chore, ready);
    else
        wake_.wait(lock, ready);
    if (stop_by_ && Clock::now() > *stop_by_) {
        lock.unlock();
        cancel_queued();
        return {};
    }
    std::vector<Job> batch;
    std::size_t changes = 0;
    while (!queue_.empty() && (batch.empty() || changes < changes_per_commit)) {
        changes += queue_.front().transition.size();
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    queued_changes_ -= changes;
    return batch;
}

void CommitThread::commit(std::vector<Job>& batch) {
    if (!writer_) {
        fail(batch, why_not_);
        for (Job& job : batch) complete(job);
        return;
    }
    std::optional<Failure> failure = commit_together(batch);
    // A commit that failed as a whole may have failed for one transition's sake: a disk without
    // room for a certificate may still have it for a status.
    if (failure && failure->began && batch.size() > 1) failure = commit_one_by_one(batch, *failure);
    note(failure);
    note_damage(batch);
    if (writer_->changes.take_keys_were_deleted() && !wipe_at_)
        wipe_at_ = Clock::now() + wipe_delay;
    if (std::any_of(batch.begin(), batch.end(), [](const Job& job) {
            return job.result &&
                   std::any_of(job.transition.begin(), job.transition.end(), concerns_keys);
        }))
        around_.certificates_changed();
    for (Job& job : batch) complete(job);
}

std::optional<CommitThread::Failure> CommitThread::commit_together(std::span<Job> jobs) {
    bool began = false;
    try {
        begin();
        began = true;
        apply_all(jobs);
        return std::nullopt;
    } catch (const SQLite::Exception& exception) {
        Failure failure{sqlite_error("cannot write " + path_, exception), began};
        fail(jobs, failure.error);
        return failure;
    }
}

std::optional<CommitThread::Failure> CommitThread::commit_one_by_one(std::span<Job> jobs,
                                                                     const Failure& together) {
    std::optional<Failure> failure = together;
    for (; !jobs.empty(); jobs = jobs.subspan(1)) {
        if (time_is_up()) {
            fail(jobs, closed());
            break;
        }
        failure = commit_together(jobs.first(1));
        // What holds one transaction up holds all of them up: nobody waits for it once per job.
        if (failure && !failure->began) {
            fail(jobs, failure->error);
            break;
        }
    }
    return failure;
}

void CommitThread::apply_all(std::span<Job> jobs) {
    try {
        for (Job& job : jobs) apply_in_savepoint(job);
        hold_commit(hooks_, log_);
        for (const Job& job : jobs) pass_commit("before-commit", job.transition);
        writer_->database->exec("COMMIT");
        for (const Job& job : jobs) pass_commit("after-commit", job.transition);
    } catch (const SQLite::Exception&) {
        // Some failures have rolled back already; then this one says so, which is no news.
        (void)writer_->database->tryExec("ROLLBACK");
        throw;
    }
}

void CommitThread::apply_in_savepoint(Job& job) {
    Execution(writer_->savepoint).run();
    try {
        job.result = writer_->changes.apply(job.transition);
    } catch (const SQLite::Exception& exception) {
        const bool transaction_gone = sqlite3_get_autocommit(writer_->database->getHandle()) != 0;
        if (transaction_gone) throw;
        job.result = sqlite_error("cannot write " + path_, exception);
    }
    if (!job.result) Execution(writer_->roll_back).run();
    Execution(writer_->release).run();
}

void CommitThread::begin() {
    for (int tries = 1;; ++tries) {
        try {
            writer_->database->exec("BEGIN IMMEDIATE");
            return;
        } catch (const SQLite::Exception& exception) {
            const std::lock_guard lock(mutex_);
            if (!is_busy(exception) || tries == begin_tries || stop_by_) throw;
        }
    }
}

void CommitThread::note(const std::optional<Failure>& failure) {
    if (failure && !degraded_)
        log_.error("store_degraded",
                   "the store cannot be written; what is stored is served on",
                   {{"storage", path_}, {"reason", failure->error.message}});
    if (!failure && degraded_)
        log_.info("store_recovered", "the store can be written again", {{"storage", path_}});
    degraded_ = failure.has_value();
}

void CommitThread::note_damage(std::span<const Job> jobs) {
    const auto damaged = std::find_if(jobs.begin(), jobs.end(), [](const Job& job) {
        return !job.result && job.result.error().code == Errc::corrupt;
    });
    if (damaged == jobs.end() || std::exchange(damage_noted_, true)) return;
    note_suspicion(path_);
    log_.error("store_damaged",
               "a change met a damaged page of the store and was not written; the next start "
               "checks the whole store",
               {{"storage", path_}, {"reason", damaged->result.error().message}});
}

void CommitThread::wipe_log_when_due() {
    if (!wipe_at_ || Clock::now() < *wipe_at_) return;
    // Pages moved into the database file are overwritten there (secure_delete), but the log keeps
    // their earlier content until it is cut. A reader in the middle of a view delays that.
    try {
        writer_->database->setBusyTimeout(0);
        const bool blocked =
            writer_->database->execAndGet("PRAGMA wal_checkpoint(TRUNCATE)").getInt() != 0;
        wipe_at_.reset();
        if (blocked) wipe_at_ = Clock::now() + wipe_delay;
    } catch (const SQLite::Exception&) {
        // The next commit meets the same fault and reports it.
        wipe_at_ = Clock::now() + 60 * wipe_delay;
    }
    writer_->database->setBusyTimeout(static_cast<int>(busy_timeout.count()));
}

bool CommitThread::time_is_up() {
    const std::lock_guard lock(mutex_);
    return stop_by_ && Clock::now() > *stop_by_;
}

void CommitThread::fail(std::span<Job> jobs, const Error& why) {
    for (Job& job : jobs) job.result = why;
}

void CommitThread::cancel_queued() {
    std::deque<Job> cancelled;
    {
        const std::lock_guard lock(mutex_);
        cancelled.swap(queue_);
        queued_changes_ = 0;
    }
    for (Job& job : cancelled) {
        job.result = closed();
        complete(job);
    }
}

void CommitThread::complete(Job& job) {
    // Posted, never called here: the store's thread is not the caller's.
    job.executor->post([done = std::move(job.done), result = std::move(job.result)]() mutable {
        done(std::move(result));
    });
}

}  // namespace mesh::store

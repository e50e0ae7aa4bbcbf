#include "store/last_copy.hpp"

#include "base/quiet_thread.hpp"
#include "store/connection.hpp"
#include "store/damage.hpp"
#include "store/database_file.hpp"
#include "store/online_copy.hpp"
#include "store/queries.hpp"
#include "store/row_mending.hpp"
#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>

#include <optional>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace mesh::store {
namespace {

SteadyTime now() {
    return std::chrono::steady_clock::now();
}

int schema_version(SQLite::Database& database) {
    return database.execAndGet("PRAGMA user_version").getInt();
}

struct DamagedRows {
    std::vector<std::int64_t> versions;
    std::vector<std::string> accounts;
    std::vector<VersionRow> rows;

    [[nodiscard]] bool none() const { return versions.empty() && accounts.empty() && rows.empty(); }
};

DamagedRows find_damaged(SQLite::Database& draft) {
    DamagedRows damaged{find_damaged_versions(draft), {}, find_damaged_rows(draft)};
    for (const StoredAccount& account : read_accounts(draft))
        if (account.damaged) damaged.accounts.push_back(account.record.directory);
    return damaged;
}

/// nullopt also when it is damaged there too, or another version has this number there.
std::optional<VersionMaterial> find_good_version(SQLite::Database& before,
                                                 SQLite::Database& after,
                                                 std::int64_t id) {
    const std::string sha256 = sha256_of_version(after, id);
    try {
        if (sha256_of_version(before, id) != sha256) return std::nullopt;
        return read_version(before, id);
    } catch (const SQLite::Exception&) {
        return std::nullopt;
    }
}

std::optional<Secret> find_good_account_key(SQLite::Database& before,
                                            const std::string& directory) {
    try {
        for (StoredAccount& account : read_accounts(before))
            if (account.record.directory == directory && !account.damaged)
                return std::move(account.record.key_pem);
    } catch (const SQLite::Exception&) {
        return std::nullopt;
    }
    return std::nullopt;
}

void mend(const DamagedRows& damaged, SQLite::Database& before, SQLite::Database& after) {
    (void)write_rows(after, find_good_rows(before, damaged.rows));
    for (const std::int64_t id : damaged.versions)
        if (const auto material = find_good_version(before, after, id))
            replace_material(after, id, *material);
    for (const std::string& directory : damaged.accounts)
        if (const auto key = find_good_account_key(before, directory))
            replace_account_key(after, directory, *key);
}

}  // namespace

LastCopy::LastCopy(std::string path, const Timing& timing, Log& log)
    : path_(std::move(path)),
      copy_path_(path_ + copy_ending),
      log_(log),
      schedule_(timing),
      thread_(quiet_thread("mesh-copy", [this] { run(); })) {}

LastCopy::~LastCopy() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void LastCopy::catch_up() {
    const std::lock_guard lock(mutex_);
    catch_up_ = true;
    wake_.notify_one();
}

void LastCopy::changed() {
    const std::lock_guard lock(mutex_);
    schedule_.changed(now());
    wake_.notify_one();
}

void LastCopy::run() {
    // Copying and checking may wait for whatever else this machine has to do.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (std::exchange(catch_up_, false)) {
            lock.unlock();
            const bool behind = is_behind();
            lock.lock();
            if (behind) schedule_.changed(now());
            continue;
        }
        const auto due = schedule_.due();
        if (due && *due <= now()) {
            schedule_.began();
            lock.unlock();
            const Status made = make();
            note(made);
            lock.lock();
            schedule_.ended(now(), made);
        } else if (due) {
            wake_.wait_until(lock, *due);
        } else {
            wake_.wait(lock);
        }
    }
}

bool LastCopy::is_behind() const {
    try {
        const Connection database = open_for_reading(path_, Sharing::locked);
        const std::int64_t newest = newest_version(*database);
        if (newest == 0) return false;
        if (file_size(copy_path_) == 0) return true;
        const Connection copy = open_for_reading(copy_path_, Sharing::immutable);
        return newest_version(*copy) != newest ||
               schema_version(*copy) != schema_version(*database);
    } catch (const SQLite::Exception&) {
        return true;  // whichever cannot be read: the copy that is made now says so
    }
}

Status LastCopy::make() {
    Result<DraftFile> draft = DraftFile::create(copy_path_ + ".new");
    if (!draft) return draft.error();
    try {
        const Connection database = open_for_reading(path_, Sharing::locked);
        if (const Status copied = copy_database(*database, *draft, [this] { return may_go_on(); });
            !copied)
            return copied.error();
    } catch (const SQLite::Exception& exception) {
        return sqlite_error("cannot read " + path_, exception);
    }
    if (!may_go_on())
        return Error{Errc::cancelled, Origin::internal, "the copy was given up before its check"};
    // The disk may change what is read twice; what is checked is what will be opened.
    if (const Status whole = check_copy(draft->name()); !whole) {
        if (whole.error().code == Errc::corrupt) note_suspicion(path_);
        return whole.error();
    }
    if (const Status carried = carry_over(draft->name()); !carried) return carried.error();
    return draft->publish_over(copy_path_);
}

/// What is damaged in the database, and so in the draft, is taken from the copy before: replacing
/// it must not lose the last good one.
Status LastCopy::carry_over(const std::string& draft) const {
    if (file_size(copy_path_) == 0) return {};
    try {
        const DamagedRows damaged = find_damaged(*open_for_reading(draft, Sharing::immutable));
        if (damaged.none()) return {};
        {
            const Connection before = open_for_reading(copy_path_, Sharing::immutable);
            const Connection after = open_for_writing(draft);
            mend(damaged, *before, *after);
            // Closing would move the log too, but keep to itself that it could not.
            if (after->execAndGet("PRAGMA wal_checkpoint(TRUNCATE)").getInt() != 0)
                return Error{Errc::io, Origin::internal, "cannot complete " + draft};
        }
        return check_copy(draft);
    } catch (const SQLite::Exception& exception) {
        return sqlite_error("cannot complete " + draft, exception);
    }
}

void LastCopy::note(const Status& made) {
    if (!made && made.error().code == Errc::cancelled) return;
    if (!made && !std::exchange(failing_, true))
        log_.error("store_copy_failed",
                   "the online copy of the store cannot be made; it is tried again",
                   {{"copy", copy_path_}, {"reason", made.error().message}});
    if (made && std::exchange(failing_, false))
        log_.info("store_copy_recovered",
                  "the online copy of the store can be made again",
                  {{"copy", copy_path_}});
    if (made) log_.debug("store_copied", "the store was copied", {{"copy", copy_path_}});
}

bool LastCopy::may_go_on() {
    const std::lock_guard lock(mutex_);
    return !stopping_;
}

}  // namespace mesh::store

#pragma once
#include <SQLiteCpp/Database.h>

#include <chrono>
#include <memory>
#include <string>

namespace mesh::store {

/// A connection belongs to one thread at a time. Every one of them: foreign keys checked, nothing
/// in the schema trusted, every page checked when read, temporary data (it may hold keys) in
/// memory only.
using Connection = std::unique_ptr<SQLite::Database>;

/// How long a statement waits for another process that holds SQLite's lock: an operator's sqlite3
/// shell, or a backup.
inline constexpr std::chrono::milliseconds busy_timeout{2'000};

/// For the one writer: WAL, synchronous=FULL (a commit that returned is on disk), secure_delete.
/// `path` exists. Changes nothing before the first statement. Throws SQLite::Exception.
[[nodiscard]] Connection open_for_writing(const std::string& path);

/// Switches the database to WAL; only after its schema was found to be ours.
void enter_wal_mode(SQLite::Database& database);

/// Whether closing the last connection moves the log into the database, as SQLite does unasked.
void move_log_on_close(SQLite::Database& database, bool on);

/// How a connection for reading gets along with whoever else has the file open.
enum class Sharing {
    /// SQLite's locks and shared memory: sees every commit of a running owner.
    locked,
    /// No -wal file: the database file alone is complete. Takes no lock, creates no file; valid
    /// as long as the file does not change.
    immutable,
    /// A -wal file left by an owner that was killed, and no shared memory: its content is indexed
    /// in our own memory. Takes no lock, creates no file; valid as long as neither file changes.
    /// Not while this process also writes the file: closing this one would drop SQLite's locks.
    private_wal,
};

/// Never writes to the database. Throws SQLite::Exception.
[[nodiscard]] Connection open_for_reading(const std::string& path, Sharing sharing);

}  // namespace mesh::store

#include "store/schema.hpp"

#include "base/crash_point.hpp"
#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace mesh::store {
namespace {

// Times are milliseconds since 1970, lists of names one name per line. Ids are never used twice
// (AUTOINCREMENT), because a version's id is held by caches longer than its row may live.
// Keys and chains have a table of their own, so that reading every certificate at start-up
// touches small rows only.
constexpr const char* version_1_0 = R"sql(
CREATE TABLE account (
    directory TEXT NOT NULL PRIMARY KEY,
    email     TEXT NOT NULL,
    url       TEXT NOT NULL,
    status    TEXT NOT NULL,
    created   INTEGER NOT NULL,
    key       BLOB NOT NULL
) STRICT;

CREATE TABLE authority (
    directory        TEXT NOT NULL PRIMARY KEY,
    retry_not_before INTEGER,
    reason           TEXT NOT NULL
) STRICT;

CREATE TABLE certificate (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    directory       TEXT NOT NULL,
    names           TEXT NOT NULL,
    ordered_names   TEXT NOT NULL,
    resolver        TEXT NOT NULL,
    state           TEXT NOT NULL,
    attempts        INTEGER NOT NULL,
    next_at         INTEGER,
    error_type      TEXT,
    error_detail    TEXT,
    error_at        INTEGER,
    unwanted_since  INTEGER,
    current_version INTEGER REFERENCES version (id) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (directory, names)
) STRICT;

CREATE TABLE version (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    certificate_id INTEGER NOT NULL REFERENCES certificate (id) ON DELETE CASCADE,
    not_before     INTEGER NOT NULL,
    not_after      INTEGER NOT NULL,
    serial         TEXT NOT NULL,
    sha256         TEXT NOT NULL,
    key_type       TEXT NOT NULL,
    profile        TEXT NOT NULL,
    source         TEXT NOT NULL,
    created        INTEGER NOT NULL
) STRICT;
CREATE INDEX version_of_certificate ON version (certificate_id, id);
CREATE INDEX certificate_by_version ON certificate (current_version);

CREATE TABLE version_material (
    version_id INTEGER PRIMARY KEY REFERENCES version (id) ON DELETE CASCADE,
    chain      TEXT NOT NULL,
    key        BLOB NOT NULL
) STRICT;

CREATE TABLE acme_order (
    certificate_id  INTEGER PRIMARY KEY REFERENCES certificate (id) ON DELETE CASCADE,
    ordered_names   TEXT NOT NULL,
    profile         TEXT NOT NULL,
    url             TEXT NOT NULL,
    status          TEXT NOT NULL,
    finalize_url    TEXT NOT NULL,
    certificate_url TEXT NOT NULL,
    expires         INTEGER,
    finalized       INTEGER NOT NULL,
    created         INTEGER NOT NULL,
    key             BLOB NOT NULL
) STRICT;

CREATE TABLE authorization (
    certificate_id INTEGER NOT NULL REFERENCES acme_order (certificate_id) ON DELETE CASCADE,
    position       INTEGER NOT NULL,
    url            TEXT NOT NULL,
    name           TEXT NOT NULL,
    status         TEXT NOT NULL,
    challenge_url  TEXT NOT NULL,
    token          TEXT NOT NULL,
    responded      INTEGER NOT NULL,
    PRIMARY KEY (certificate_id, position)
) STRICT, WITHOUT ROWID;

-- By name, not by id: the history of a certificate outlives its row.
CREATE TABLE history (
    id        INTEGER PRIMARY KEY,
    directory TEXT NOT NULL,
    names     TEXT NOT NULL,
    at        INTEGER NOT NULL,
    event     TEXT NOT NULL,
    detail    TEXT NOT NULL
) STRICT;
CREATE INDEX history_of_certificate ON history (directory, names, id);
CREATE INDEX history_by_time ON history (at);
)sql";

// Keys tell when they are damaged (checksum.hpp). Rows written before this, or by a binary that
// does not know it, have none.
constexpr const char* version_1_1 = R"sql(
ALTER TABLE account ADD COLUMN checksum INTEGER;
ALTER TABLE version_material ADD COLUMN checksum INTEGER;
)sql";

// Names and dates tell when they are damaged (row_damage.hpp), what a CA asked for is told from
// what we decided ourselves, and a person's wish is remembered. All of it are times rather than
// flags: an older binary does not know to clear them.
constexpr const char* version_1_2 = R"sql(
ALTER TABLE version ADD COLUMN checksum INTEGER;
ALTER TABLE certificate ADD COLUMN asked_until INTEGER;
ALTER TABLE certificate ADD COLUMN renewal_asked INTEGER;
ALTER TABLE authority ADD COLUMN asked_until INTEGER;
)sql";

// The files of the configuration applied last; those of one writing have the same time.
constexpr const char* version_1_3 = R"sql(
CREATE TABLE configuration_file (
    position INTEGER PRIMARY KEY,
    path     TEXT NOT NULL,
    text     TEXT NOT NULL,
    applied  INTEGER NOT NULL
) STRICT;
)sql";

constexpr std::array<Migration, 4> all_migrations{
    {{1'000, version_1_0}, {1'001, version_1_1}, {1'002, version_1_2}, {1'003, version_1_3}}};

/// What minor steps added to the tables of 1.0. Who reads a table that came later asks whether it
/// is there.
struct AddedColumns {
    int version;
    const char* table;
    const char* as_null;
};
constexpr std::array<AddedColumns, 5> added_columns{
    {{1'001, "account", "NULL AS checksum"},
     {1'001, "version_material", "NULL AS checksum"},
     {1'002, "version", "NULL AS checksum"},
     {1'002, "certificate", "NULL AS asked_until, NULL AS renewal_asked"},
     {1'002, "authority", "NULL AS asked_until"}}};

int major_of(int version) {
    return version / 1'000;
}

std::string version_name(int version) {
    return std::to_string(major_of(version)) + '.' + std::to_string(version % 1'000);
}

int user_version(SQLite::Database& database) {
    return database.execAndGet("PRAGMA user_version").getInt();
}

/// SQLite would make the copy with the process's umask; made here, it is 0600 from the start.
Status make_private_file(const std::string& path) {
    // Left over from an attempt that did not end; the database itself is still the older one.
    ::unlink(path.c_str());
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return Error{
            Errc::io, Origin::internal, "cannot create " + path + ": " + std::strerror(errno)};
    ::close(file);
    return {};
}

Status keep_copy(SQLite::Database& database, const std::string& path) {
    if (const Status made = make_private_file(path); !made) return made.error();
    crash_point("before-copy", "schema");
    SQLite::Statement copy(database, "VACUUM INTO ?");
    copy.bind(1, path);
    copy.exec();
    crash_point("after-copy", "schema");
    return {};
}

Status check(SQLite::Database& database, const std::string& path, const std::string& pragma) {
    std::string found = database.execAndGet("PRAGMA " + pragma).getString();
    if (found == "ok") return {};
    std::replace(found.begin(), found.end(), '\n', ' ');
    return Error{Errc::corrupt, Origin::internal, path + " is damaged: " + found};
}

void apply_step(SQLite::Database& database, const Migration& step) {
    SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
    database.exec(step.sql);
    database.exec("PRAGMA user_version=" + std::to_string(step.version));
    database.exec("PRAGMA application_id=" + std::to_string(application_id));
    crash_point("before-commit", "schema");
    transaction.commit();
    crash_point("after-commit", "schema");
}

}  // namespace

std::span<const Migration> migrations() {
    return all_migrations;
}

Result<SchemaState> examine_schema(SQLite::Database& database,
                                   const std::string& path,
                                   std::span<const Migration> steps) {
    const int version = user_version(database);
    const std::int32_t owner = database.execAndGet("PRAGMA application_id").getInt();
    const bool has_tables =
        database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt64() != 0;
    if (!has_tables && version == 0) return SchemaState::empty;

    if (owner != application_id || version <= 0)
        return Error{Errc::unsupported,
                     Origin::config,
                     path + " is another program's database: use another storage"};
    const int newest = steps.back().version;
    if (major_of(version) > major_of(newest))
        return Error{Errc::unsupported,
                     Origin::config,
                     path + " has schema " + version_name(version) + ", this mesh reads " +
                         std::to_string(major_of(newest)) +
                         ".x: run the newer mesh, or go back to " + path + ".before-v" +
                         std::to_string(major_of(newest) + 1)};
    if (major_of(version) < major_of(newest)) return SchemaState::older;
    return version < newest ? SchemaState::older_minor : SchemaState::current;
}

void add_missing_columns(SQLite::Database& database) {
    const int version = user_version(database);
    if (version == 0) return;
    for (const AddedColumns& added : added_columns) {
        if (version >= added.version) continue;
        const std::string table = added.table;
        // The name of a temporary view goes before that of a table.
        database.exec("CREATE TEMP VIEW " + table + " AS SELECT *, " + added.as_null +
                      " FROM main." + table);
    }
}

Status migrate(SQLite::Database& database,
               const std::string& path,
               std::span<const Migration> steps) {
    try {
        for (const Migration& step : steps) {
            const int version = user_version(database);
            if (version >= step.version) continue;
            if (version != 0 && major_of(version) < major_of(step.version)) {
                const std::string copy =
                    path + ".before-v" + std::to_string(major_of(step.version));
                if (const Status kept = keep_copy(database, copy); !kept) return kept.error();
            }
            apply_step(database, step);
        }
    } catch (const SQLite::Exception& exception) {
        return sqlite_error("cannot bring " + path + " to this version", exception);
    }
    return {};
}

Status quick_check(SQLite::Database& database, const std::string& path) {
    return check(database, path, "quick_check(1)");
}

bool indexes_agree(SQLite::Database& database) {
    return database.execAndGet("PRAGMA integrity_check(1)").getString() == "ok";
}

Status quick_check_of_schedules(SQLite::Database& database, const std::string& path) {
    for (const std::string table :
         {"account", "authority", "certificate", "version", "acme_order", "authorization"})
        if (const Status sound = check(database, path, "quick_check(" + table + ")"); !sound)
            return sound.error();
    return {};
}

}  // namespace mesh::store

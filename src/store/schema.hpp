#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace SQLite {
class Database;
}

namespace mesh::store {

/// One step of the schema. Its number, major * 1000 + minor, is what `PRAGMA user_version` holds
/// after it. A minor step only adds (tables, indexes, columns with a default), so that a binary
/// opens every minor of its major, also a newer one; anything else is a new major.
struct Migration {
    int version;
    const char* sql;
};

/// Every step so far, in order.
[[nodiscard]] std::span<const Migration> migrations();

/// Marks a file as ours, in SQLite's header.
inline constexpr std::int32_t application_id = 0x6d657368;  // "mesh"

enum class SchemaState {
    empty,        ///< no tables yet: a new file
    current,      ///< readable as it is: this version, or a newer minor of this major
    older_minor,  ///< readable with add_missing_columns(); needs migrations before it is written
    older,        ///< needs migrations before it can be read
};

/// Looks, changes nothing. Errors: unsupported (a newer major, or another program's database).
/// Throws SQLite::Exception when the file cannot be read.
[[nodiscard]] Result<SchemaState> examine_schema(SQLite::Database& database,
                                                 const std::string& path,
                                                 std::span<const Migration> steps = migrations());

/// Has this connection, which only reads, see the columns an older minor does not have, all NULL.
/// Nothing is written. Throws SQLite::Exception.
void add_missing_columns(SQLite::Database& database);

/// Applies what is missing, each step in its own transaction. Before a step to a new major the
/// database is copied to `<path>.before-v<major>` (0600), which the release before can open.
/// Errors: what the copy or a step failed with; the database is then at the last step that went
/// through.
[[nodiscard]] Status migrate(SQLite::Database& database,
                             const std::string& path,
                             std::span<const Migration> steps = migrations());

/// SQLite's quick check of the whole database, its time proportional to the size. Errors: corrupt,
/// with the first finding. Throws SQLite::Exception.
[[nodiscard]] Status quick_check(SQLite::Database& database, const std::string& path);
/// Whether every index has what its table has. Only of a database quick_check() finds sound; takes
/// about twice its time. Throws SQLite::Exception.
[[nodiscard]] bool indexes_agree(SQLite::Database& database);
/// The same of what every start reads: not the chains and keys, nor the history, which are nearly
/// all of a big store.
[[nodiscard]] Status quick_check_of_schedules(SQLite::Database& database, const std::string& path);

}  // namespace mesh::store

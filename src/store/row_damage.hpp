#pragma once
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

/// A page can be sound for SQLite while a name or a date in it is not the one that was written: its
/// certificate would be ordered again, or never renewed. All throw SQLite::Exception.
namespace mesh::store {

/// What is stored beside a version to tell that. `names` as names_key() writes them.
[[nodiscard]] std::int64_t checksum_of_row(const std::string& directory,
                                           const std::string& names,
                                           const VersionFacts& facts);

/// Versions whose facts, or whose certificate's directory or names, are not what was written. Rows
/// from before schema 1.2 cannot tell.
[[nodiscard]] std::vector<std::int64_t> find_damaged_rows(SQLite::Database& database);

/// A version's row and what identifies its certificate.
struct VersionRow {
    std::int64_t id = 0;
    std::int64_t certificate_id = 0;
    std::string directory;
    std::string names;
    VersionFacts facts;
    std::optional<std::int64_t> checksum;
};
/// The same versions as `copy` has them, those it has sound. One that cannot be read, or that a
/// mesh of schema 1.1 made, has none.
[[nodiscard]] std::vector<VersionRow> find_good_rows(SQLite::Database& copy,
                                                     SQLite::Database& database,
                                                     const std::vector<std::int64_t>& ids);
/// Over what is there; every index is made anew.
void write_rows(SQLite::Database& database, const std::vector<VersionRow>& rows);

/// Sets right what is wrong in the database at `path`, open for writing: rows, from its online
/// copy; with `indexes`, every index; which version of a certificate is the current one. Says so
/// once, and also when it cannot be done. Errors: corrupt, when the copy has what the database
/// cannot take.
[[nodiscard]] Status mend_rows(SQLite::Database& database,
                               const std::string& path,
                               bool indexes,
                               Log& log);

}  // namespace mesh::store

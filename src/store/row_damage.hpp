#pragma once
#include "store/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

/// A page can be sound for SQLite while a name or a date in it is not the one that was written: its
/// certificate would be ordered again, or never renewed. Looks only; all throw SQLite::Exception.
namespace mesh::store {

/// What is stored beside a version to tell that. `names` as names_key() writes them.
[[nodiscard]] std::int64_t checksum_of_row(const std::string& directory,
                                           const std::string& names,
                                           const VersionFacts& facts);

/// A version's row and what identifies its certificate.
struct VersionRow {
    std::int64_t id = 0;
    std::int64_t certificate_id = 0;
    std::string directory;
    std::string names;
    VersionFacts facts;
    std::optional<std::int64_t> checksum;  ///< nothing in rows from before schema 1.2
};
/// "a.example, b.example", as messages name a certificate.
[[nodiscard]] std::string names_of_row(const VersionRow& row);

[[nodiscard]] std::optional<VersionRow> find_row(SQLite::Database& database, std::int64_t id);

/// Versions whose facts, or whose certificate's directory or names, are not what was written. Rows
/// without a checksum cannot tell.
[[nodiscard]] std::vector<VersionRow> find_damaged_rows(SQLite::Database& database);

/// The same versions as `copy` has them, those it has sound. One that cannot be read, or that a
/// mesh of schema 1.1 made, has none.
[[nodiscard]] std::vector<VersionRow> find_good_rows(SQLite::Database& copy,
                                                     const std::vector<VersionRow>& damaged);

/// A certificate whose current version is not its newest, and that one.
struct WrongCurrent {
    std::int64_t certificate_id = 0;
    VersionRow newest;  ///< id 0: it has no version at all
};
/// Only where every version concerned is known to be sound: by a damaged row one certificate would
/// be given the chain of another.
[[nodiscard]] std::vector<WrongCurrent> find_wrong_currents(SQLite::Database& database);

}  // namespace mesh::store

#pragma once
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/row_damage.hpp"

#include <string>
#include <vector>

/// Sets right what row_damage.hpp finds.
namespace mesh::store {

/// Writes rows over what is there, each whole or not at all, and says which: what else the database
/// holds may not allow one. Throws SQLite::Exception for faults of the disk.
[[nodiscard]] std::vector<VersionRow> write_rows(SQLite::Database& database,
                                                 const std::vector<VersionRow>& rows);

/// Sets right what can be in the database at `path`, open for writing: rows, from its online copy;
/// with `indexes`, every index; which version of a certificate is the current one. Says what was
/// set right (store_mended) and what stays damaged (store_damaged_row), by names and serial. What
/// stays is no error. Errors: full, io, permission.
[[nodiscard]] Status mend_rows(SQLite::Database& database,
                               const std::string& path,
                               bool indexes,
                               Log& log);

}  // namespace mesh::store

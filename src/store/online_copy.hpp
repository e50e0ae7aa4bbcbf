#pragma once
#include "store/draft_file.hpp"

#include <functional>

namespace SQLite {
class Database;
}

namespace mesh::store {

/// Copies one consistent state of `from`, its log included, into the empty `into`, a small step at
/// a time. `from` is a connection for reading: neither a writer nor other readers wait for it, and
/// what is committed meanwhile is not in the copy. `go_on` is asked between steps. Nothing is
/// written when it would fill the disk. The pages are on disk afterwards. Errors: cancelled
/// (`go_on` said no), full, and SQLite's. Throws SQLite::Exception when `from` cannot be read.
[[nodiscard]] Status copy_database(SQLite::Database& from,
                                   DraftFile& into,
                                   const std::function<bool()>& go_on);

/// Whether `path`, which nobody has open, is a whole store: SQLite finds no damage and the schema
/// is one we can open. Changes nothing. Errors: corrupt, unsupported, not_found (there is no such
/// file, or nothing in it), and why it cannot be read.
[[nodiscard]] Status check_copy(const std::string& path);

}  // namespace mesh::store

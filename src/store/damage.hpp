#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

#include <string>

/// What is done with a database that cannot be used any more. Nothing here deletes what was found,
/// empty files apart.
namespace mesh::store {

/// Whether what is at `path` certainly is, or was, a store: it bears our mark, or its online copy
/// lies beside it. Anything else that is no database may be a file somebody named by mistake.
[[nodiscard]] bool was_a_store(const std::string& path);

/// Whether the database is missing or empty while its online copy lies beside it.
[[nodiscard]] bool is_missing(const std::string& path);

/// Notes beside the store, as `<path>.suspect`, that something in it was found damaged while it was
/// open: a start reads all of such a store, however big it is. Where the file cannot be made the
/// next start looks no closer than ever.
void note_suspicion(const std::string& path);
[[nodiscard]] bool is_suspect(const std::string& path);
/// The store was found sound, or replaced.
void end_suspicion(const std::string& path);

/// Renames the damaged database and what is beside it to `<path>.corrupt-<time>`, and puts its
/// online copy in its place, which stays where it is too; without a usable copy an empty file, for
/// a new store, and a copy that cannot be used is renamed as well. Says so in the log, with both
/// names. The store is locked by us and open nowhere. Killed in the middle, the next start ends
/// what was begun. Errors: permission, full, io, and why a copy that is there cannot be read just
/// now, or by this version; the damaged database is then still what is at `path`.
[[nodiscard]] Status replace_damaged(const std::string& path,
                                     const Error& damage,
                                     WallTime now,
                                     Log& log);

}  // namespace mesh::store

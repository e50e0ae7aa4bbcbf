#pragma once
#include "base/log.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

/// What is looked at and set right around the database file before SQLite opens it. Nothing here
/// may open the file while a connection of this process has it: closing a descriptor drops all
/// POSIX locks the process holds on that file, SQLite's among them.
namespace mesh::store {

/// `path` without symbolic links, as SQLite will see it: the files beside it go by this name. The
/// file itself, and for a new store its folder, need not exist.
[[nodiscard]] Result<std::string> resolved_path(const std::string& path);

/// What errno says about `what`: permission, full or io.
[[nodiscard]] Error file_error(const std::string& what, int code);

[[nodiscard]] std::string folder_of(const std::string& path);
/// Makes a folder's new entry survive a power cut. Best effort: not every file system can.
void sync_folder(const std::string& folder);

/// The online copy of a store goes by the store's path with this behind it.
inline constexpr const char* copy_ending = ".last";

[[nodiscard]] bool file_exists(const std::string& path);
/// 0 when there is no such file.
[[nodiscard]] std::uint64_t file_size(const std::string& path);

/// "NFS" and the like for the `f_type` of statfs(2); nullopt for a file system whose locks and
/// shared memory work.
[[nodiscard]] std::optional<std::string_view> network_file_system(std::uint64_t type);

/// Errors: unsupported, by name, when the file's folder is on a network file system.
[[nodiscard]] Status check_file_system(const std::string& path);

/// Errors: permission, with the chown that mends it, when the file or one beside it belongs to
/// another user than the one we run as.
[[nodiscard]] Status check_owner(const std::string& path);

/// Errors: permission, where SQLite would only say that it cannot open the file.
[[nodiscard]] Status check_may_read(const std::string& path);

/// Errors: unsupported when the file starts with '{', as Traefik's acme.json does; invalid when
/// it is no regular file; corrupt when it is empty and a write-ahead log beside it is not, because
/// SQLite would take it for a new database and delete the log.
[[nodiscard]] Status check_content(const std::string& path);

/// Creates the missing folders (0700) and an empty file (0600). No error when it exists.
[[nodiscard]] Status create_private_file(const std::string& path);

/// Sets the file and those beside it back to 0600 when others may read them, and says so.
void narrow_modes(const std::string& path, Log& log);

/// Why this process cannot write the file or create others beside it; nullopt when it can.
[[nodiscard]] std::optional<std::string> why_read_only(const std::string& path);

}  // namespace mesh::store

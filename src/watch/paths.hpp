#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

namespace mesh::watch {

/// What is looked at: files, and folders with everything in and below them. Absolute paths; what
/// does not exist yet counts too.
struct Watched {
    std::vector<std::string> files;
    std::vector<std::string> folders;
    bool operator==(const Watched&) const = default;
};

/// The names that matter in each folder; "" stands for every name. Without any it only matters that
/// the folder itself stays where it is.
using NamesByFolder = std::map<std::string, std::set<std::string>>;

/// Where a change of what is watched would show: for each path, every symbolic link on the way to
/// what it stands for, and the folder that holds it, or the nearest one that exists, and each
/// folder on the way. So a file that is replaced by renaming another over it is seen, and so is a
/// link that is pointed elsewhere, as a mounted config map does it (`file -> ..data/file`,
/// `..data -> ..2026_01_01/`), and a folder that is renamed.
[[nodiscard]] NamesByFolder places_of(const Watched& watched);

/// What the files that are watched, and those below folders, stand for, as far as they exist. A
/// file that is mounted on its own is written where no folder here hears of it.
[[nodiscard]] std::vector<std::string> real_files_of(const Watched& watched);

/// Files and folders below `folder`, itself left out; names that begin with a dot, and what is more
/// than 16 levels deep or beyond the first 20,000, are not among them.
[[nodiscard]] std::vector<std::string> entries_below(const std::string& folder);

}  // namespace mesh::watch

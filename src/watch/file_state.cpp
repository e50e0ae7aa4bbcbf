#include "watch/file_state.hpp"

#include <sys/stat.h>

namespace mesh::watch {
namespace {

std::int64_t nanoseconds(const timespec& time) {
    constexpr std::int64_t per_second = 1'000'000'000;
    return static_cast<std::int64_t>(time.tv_sec) * per_second + time.tv_nsec;
}

void add(const std::string& path, FileState& out) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        out[path] = {};
        return;
    }
    // A folder's own times change with things in it that are nobody's business.
    if (S_ISDIR(status.st_mode)) {
        out[path] = {status.st_dev, status.st_ino, -1, 0, 0};
        return;
    }
    out[path] = {status.st_dev,
                 status.st_ino,
                 status.st_size,
                 nanoseconds(status.st_mtim),
                 nanoseconds(status.st_ctim)};
}

}  // namespace

FileState state_of(const Watched& watched) {
    FileState state;
    for (const std::string& file : watched.files) add(file, state);
    for (const std::string& folder : watched.folders) {
        add(folder, state);
        for (const std::string& entry : entries_below(folder)) add(entry, state);
    }
    return state;
}

}  // namespace mesh::watch

#include "ipc/unix_path.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <system_error>

namespace mesh::ipc {
namespace {

Errc code_of(int number) {
    switch (number) {
        case ENOENT:
        case ENOTDIR:
        case ECONNREFUSED:
            return Errc::not_found;
        case EACCES:
        case EPERM:
        case EROFS:
            return Errc::permission;
        case EADDRINUSE:
            return Errc::conflict;
        case ENOSPC:
            return Errc::full;
        case EPIPE:
        case ECONNRESET:
            return Errc::closed;
        default:
            return Errc::io;
    }
}

}  // namespace

Error system_error(const std::string& call, int number) {
    return {code_of(number),
            Origin::internal,
            call + ": " + std::error_code(number, std::generic_category()).message()};
}

Result<UnixPath> UnixPath::make(const std::string& path) {
    UnixPath made;
    made.address_.sun_family = AF_UNIX;
    std::string text = path;
    constexpr std::size_t room = sizeof made.address_.sun_path - 1;
    if (text.size() > room) {
        const std::filesystem::path whole(path);
        made.folder_ =
            Descriptor(::open(whole.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!made.folder_) return system_error("open " + whole.parent_path().string(), errno);
        text =
            "/proc/self/fd/" + std::to_string(made.folder_.get()) + "/" + whole.filename().string();
    }
    if (text.size() > room || text.find('\0') != std::string::npos)
        return Error{Errc::limit, Origin::config, "the name of the socket is too long: " + path};
    std::copy(text.begin(), text.end(), std::begin(made.address_.sun_path));
    return made;
}

}  // namespace mesh::ipc

#include "ipc/bound_socket.hpp"

#include "ipc/unix_path.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>

namespace mesh::ipc {
namespace {

/// Who starts while another looks whether the socket is abandoned waits for it this long at most.
constexpr int lock_tries = 100;
constexpr std::chrono::milliseconds lock_pause{10};

/// Holds the folder while it is decided whose the socket is, so that of two processes that start
/// at once none removes what the other just made. Advisory, and given up with the descriptor.
Descriptor lock_folder(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) return lock;
    for (int i = 0; i < lock_tries && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; ++i)
        std::this_thread::sleep_for(lock_pause);
    return lock;
}

/// Removes a socket nobody listens on, or a link to one.
Status remove_abandoned(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
        return errno == ENOENT ? Status() : Status(system_error(path, errno));
    if (!S_ISSOCK(status.st_mode) && !S_ISLNK(status.st_mode))
        return Error{Errc::conflict, Origin::config, path + " is there, and is no socket"};
    if (is_listened_on(path))
        return Error{Errc::conflict, Origin::config, "another process listens on " + path};
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(path, errno);
    return {};
}

}  // namespace

bool is_listened_on(const std::string& path) {
    auto address = UnixPath::make(path);
    if (!address) return address.error().code != Errc::not_found;
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(probe.get(), address->address(), address->size()) == 0) return true;
    return errno != ECONNREFUSED && errno != ENOENT && errno != ENOTSOCK;
}

Result<BoundSocket> BoundSocket::make() {
    BoundSocket made;
    made.fd_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made.fd_) return system_error("socket", errno);
    // On Linux the file inherits the mode of the unbound socket: there is no moment in which
    // somebody else could open it.
    if (::fchmod(made.fd_.get(), 0600) != 0) return system_error("fchmod", errno);
    return made;
}

Status BoundSocket::bind_to(const std::string& path, int backlog) {
    auto address = UnixPath::make(path);
    if (!address) return address.error();
    if (::bind(fd_.get(), address->address(), address->size()) != 0)
        return system_error("cannot make the socket " + path, errno);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return system_error(path, errno);
    path_ = path;
    device_ = status.st_dev;
    inode_ = status.st_ino;
    if (::listen(fd_.get(), backlog) != 0) return system_error("listen", errno);
    return {};
}

Result<BoundSocket> BoundSocket::bind(const std::string& path, int backlog) {
    auto made = make();
    if (!made) return made;
    const Descriptor lock = lock_folder(path);
    if (const Status removed = remove_abandoned(path); !removed) return removed.error();
    if (const Status bound = made->bind_to(path, backlog); !bound) return bound.error();
    return made;
}

Result<BoundSocket> BoundSocket::take_over(const std::string& path, int backlog) {
    auto made = make();
    if (!made) return made;
    const Descriptor lock = lock_folder(path);
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode))
        return Error{Errc::conflict, Origin::config, path + " is there, and is no socket"};
    const std::string draft = path + ".new";
    if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return system_error(draft, errno);
    if (const Status bound = made->bind_to(draft, backlog); !bound) return bound.error();
    if (::rename(draft.c_str(), path.c_str()) != 0) return system_error(path, errno);
    made->path_ = path;
    return made;
}

BoundSocket::BoundSocket(BoundSocket&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      fd_(std::move(other.fd_)),
      device_(other.device_),
      inode_(other.inode_) {}

BoundSocket& BoundSocket::operator=(BoundSocket&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

bool BoundSocket::is_there() const {
    struct stat status {};
    return ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
           status.st_ino == inode_;
}

BoundSocket::~BoundSocket() {
    if (!path_.empty() && is_there()) ::unlink(path_.c_str());
}

Status point_to(const std::string& link, const std::string& target) {
    const Descriptor lock = lock_folder(link);
    std::error_code failed;
    if (std::filesystem::read_symlink(link, failed) == target && !failed) return {};
    if (const Status removed = remove_abandoned(link); !removed) return removed.error();
    if (::symlink(target.c_str(), link.c_str()) != 0) return system_error(link, errno);
    return {};
}

}  // namespace mesh::ipc

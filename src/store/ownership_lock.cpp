#include "store/ownership_lock.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace mesh::store {
namespace {

Error failure(const std::string& path, int code) {
    const bool denied = code == EACCES || code == EPERM || code == EROFS;
    const Errc errc = denied ? Errc::permission : code == ENOSPC ? Errc::full : Errc::io;
    return {errc, Origin::internal, "cannot lock " + path + ": " + std::strerror(code)};
}

/// What the owner wrote; right after it took the lock that may still be missing.
std::string owner_of(int descriptor) {
    std::array<char, 32> text{};
    const ssize_t got = ::pread(descriptor, text.data(), text.size(), 0);
    if (got <= 0) return "another process";
    long pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + got, pid);
    if (error != std::errc{} || pid <= 0) return "another process";
    return "pid " + std::to_string(pid);
}

/// False when the file was removed between our open and our lock: the lock is then on a file
/// nobody else can find.
bool still_there(int descriptor, const std::string& path) {
    struct stat ours {};
    struct stat named {};
    return ::fstat(descriptor, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

Status write_pid(int descriptor, const std::string& path) {
    const std::string text = std::to_string(::getpid()) + '\n';
    if (::ftruncate(descriptor, 0) != 0) return failure(path, errno);
    if (::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        return failure(path, errno);
    return {};
}

}  // namespace

Result<OwnershipLock> OwnershipLock::take(const std::string& storage) {
    const std::string path = storage + ".lock";
    for (;;) {
        bool created = true;
        int descriptor =
            ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (descriptor < 0 && errno == EEXIST) {
            created = false;
            descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
            if (descriptor < 0 && errno == ENOENT) continue;
        }
        if (descriptor < 0) return failure(path, errno);
        OwnershipLock lock(descriptor, path, created);
        if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return failure(path, errno);
            lock.created_ = false;
            return Error{Errc::conflict,
                         Origin::config,
                         storage + " is in use by another mesh (" + owner_of(descriptor) + ")"};
        }
        if (!still_there(descriptor, path)) continue;
        // The lock holds without it; a disk without a free block must not keep mesh from serving.
        if (const Status written = write_pid(descriptor, path);
            !written && written.error().code != Errc::full)
            return written.error();
        return lock;
    }
}

OwnershipLock::OwnershipLock(OwnershipLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      created_(other.created_) {}

OwnershipLock& OwnershipLock::operator=(OwnershipLock&& other) noexcept {
    if (this == &other) return *this;
    release();
    descriptor_ = std::exchange(other.descriptor_, -1);
    path_ = std::move(other.path_);
    created_ = other.created_;
    return *this;
}

OwnershipLock::~OwnershipLock() {
    release();
}

void OwnershipLock::leave_no_trace() {
    if (descriptor_ >= 0 && created_) ::unlink(path_.c_str());
}

void OwnershipLock::release() noexcept {
    if (descriptor_ < 0) return;
    // Closing lets go of the lock. The pid stays behind: whoever takes the lock overwrites it.
    ::close(descriptor_);
    descriptor_ = -1;
}

}  // namespace mesh::store

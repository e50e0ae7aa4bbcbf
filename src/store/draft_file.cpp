#include "store/draft_file.hpp"

#include "store/database_file.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace mesh::store {
namespace {

/// What a copy leaves free: the next commits matter more than it does.
constexpr std::uint64_t reserve = std::uint64_t{1} << 20;

/// Renames unless there is a file of that name already; false with errno set.
bool rename_to_new(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
        return true;
    // Not every file system knows that, NFS for one; a second name never replaces a file either.
    if (errno != EINVAL || ::link(from.c_str(), to.c_str()) != 0) return false;
    ::unlink(from.c_str());
    return true;
}

}  // namespace

Result<DraftFile> DraftFile::create(std::string temporary_name) {
    for (const char* ending : {"", "-wal", "-shm", "-journal"})
        ::unlink((temporary_name + ending).c_str());
    return create_private(std::move(temporary_name));
}

Result<DraftFile> DraftFile::create_beside(const std::string& real_name) {
    return create_private(real_name + ".new-" + std::to_string(::getpid()));
}

Result<DraftFile> DraftFile::create_private(std::string name) {
    const int descriptor =
        ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return file_error("cannot create " + name, errno);
    return DraftFile(descriptor, std::move(name));
}

DraftFile::DraftFile(DraftFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::exchange(other.name_, std::string())) {}

DraftFile::~DraftFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
    if (descriptor_ >= 0) ::close(descriptor_);
}

Status DraftFile::require_room(std::uint64_t bytes) const {
    struct statvfs facts {};
    if (::fstatvfs(descriptor_, &facts) != 0) return {};
    const std::uint64_t free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    if (free >= bytes + reserve) return {};
    return Error{Errc::full,
                 Origin::internal,
                 "no room for " + name_ + ": " + std::to_string(bytes) + " bytes are needed, " +
                     std::to_string(free) + " are free, " + std::to_string(reserve) +
                     " of them are kept for the store"};
}

Status DraftFile::append_all_of(int source, const std::string& name) {
    std::vector<char> buffer(std::size_t{256} << 10);
    for (;;) {
        const ssize_t got = ::read(source, buffer.data(), buffer.size());
        if (got == 0) return {};
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return file_error("cannot read " + name, errno);
        for (ssize_t written = 0; written < got;) {
            const ssize_t some = ::write(
                descriptor_, buffer.data() + written, static_cast<std::size_t>(got - written));
            if (some < 0 && errno == EINTR) continue;
            if (some < 0) return file_error("cannot write " + name_, errno);
            written += some;
        }
    }
}

Status DraftFile::sync() {
    if (::fdatasync(descriptor_) == 0) return {};
    return file_error("cannot write " + name_, errno);
}

Status DraftFile::publish_over(const std::string& real_name) {
    if (::fsync(descriptor_) != 0) return file_error("cannot write " + name_, errno);
    if (std::rename(name_.c_str(), real_name.c_str()) != 0)
        return file_error("cannot give " + name_ + " the name " + real_name, errno);
    has_its_name(real_name);
    return {};
}

Status DraftFile::publish_as_new(const std::string& real_name) {
    if (::fsync(descriptor_) != 0) return file_error("cannot write " + name_, errno);
    if (!rename_to_new(name_, real_name)) {
        if (errno == EEXIST)
            return Error{Errc::conflict, Origin::config, real_name + " exists already"};
        return file_error("cannot give " + name_ + " the name " + real_name, errno);
    }
    has_its_name(real_name);
    return {};
}

void DraftFile::has_its_name(const std::string& real_name) {
    name_.clear();
    sync_folder(folder_of(real_name));
}

}  // namespace mesh::store

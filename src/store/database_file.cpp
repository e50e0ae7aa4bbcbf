#include "store/database_file.hpp"

#include <climits>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <vector>

namespace mesh::store {
namespace {

constexpr std::array<const char*, 6> endings{"", "-wal", "-shm", "-journal", ".lock", copy_ending};

struct Free {
    void operator()(char* text) const noexcept { std::free(text); }  // NOLINT: realpath's contract
};

std::optional<std::string> real_path(const std::string& path) {
    const std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
    if (!real) return std::nullopt;
    return std::string(real.get());
}

std::string user_name(uid_t user) {
    std::vector<char> buffer(16 * 1024);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_name;
    return "user " + std::to_string(user);
}

/// nullopt when it is no symbolic link.
std::optional<std::string> target_of_link(const std::string& path) {
    std::array<char, PATH_MAX> text{};
    const ssize_t size = ::readlink(path.c_str(), text.data(), text.size());
    if (size <= 0 || static_cast<std::size_t>(size) == text.size()) return std::nullopt;
    const std::string target(text.data(), static_cast<std::size_t>(size));
    return target.front() == '/' ? target : folder_of(path) + '/' + target;
}

Status create_folders(const std::string& folder) {
    if (file_exists(folder)) return {};
    const std::string parent = folder_of(folder);
    if (const Status made = create_folders(parent); !made) return made.error();
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return file_error("cannot create folder " + folder, errno);
    sync_folder(parent);
    return {};
}

Result<char> first_byte(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return file_error("cannot read " + path, errno);
    char byte = 0;
    const ssize_t got = ::read(file, &byte, 1);
    const int code = errno;
    ::close(file);
    if (got < 0) return file_error("cannot read " + path, code);
    return byte;
}

std::string base_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

Error file_error(const std::string& what, int code) {
    const bool denied = code == EACCES || code == EPERM || code == EROFS;
    const bool no_room = code == ENOSPC || code == EDQUOT;
    const Errc errc = denied ? Errc::permission : no_room ? Errc::full : Errc::io;
    return {errc, Origin::internal, what + ": " + std::strerror(code)};
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_folder(const std::string& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

Result<std::string> resolved_path(const std::string& path) {
    if (auto real = real_path(path)) return *std::move(real);
    const int code = errno;
    if (code != ENOENT) return file_error("cannot open " + path, code);
    // Its file may be away for a moment, between two names; the link says where it belongs.
    if (const auto target = target_of_link(path)) return resolved_path(*target);
    const std::string folder = folder_of(path);
    const auto real_folder = real_path(folder);
    if (!real_folder) return path;  // the folder is still to be made
    return (*real_folder == "/" ? "" : *real_folder) + '/' + base_name(path);
}

bool file_exists(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0;
}

std::uint64_t file_size(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return 0;
    return static_cast<std::uint64_t>(facts.st_size);
}

std::optional<std::string_view> network_file_system(std::uint64_t type) {
    // linux/magic.h; CIFS is not in it.
    switch (type) {
        case 0x6969:
            return "NFS";
        case 0x517B:
            return "SMB";
        case 0xFF534D42:
            return "CIFS";
        case 0xFE534D42:
            return "SMB";
        case 0x5346414F:
            return "AFS";
        case 0x00C36400:
            return "Ceph";
        default:
            return std::nullopt;
    }
}

Status check_file_system(const std::string& path) {
    struct statfs facts {};
    std::string place = folder_of(path);
    while (::statfs(place.c_str(), &facts) != 0) {
        if (errno != ENOENT || place == "/" || place == ".")
            return file_error("cannot open " + path, errno);
        place = folder_of(place);
    }
    // The field is signed on some architectures; CIFS has the top bit set.
    const auto type = static_cast<std::uint64_t>(facts.f_type) & 0xFFFFFFFFU;
    if (const auto name = network_file_system(type))
        return Error{Errc::unsupported,
                     Origin::config,
                     path + " is on " + std::string(*name) +
                         ", which cannot hold a database: use a storage on a local disk"};
    return {};
}

Status check_owner(const std::string& path) {
    const uid_t we = ::geteuid();
    for (const char* ending : endings) {
        struct stat facts {};
        const std::string file = path + ending;
        if (::stat(file.c_str(), &facts) != 0 || facts.st_uid == we) continue;
        const std::string owner = user_name(facts.st_uid);
        const std::string us = user_name(we);
        std::string message = file + " belongs to " + owner + ", mesh runs as " + us + ": chown " +
                              us + ' ' + path + '*';
        if (we == 0) message += ", or run mesh as " + owner;
        return Error{Errc::permission, Origin::config, std::move(message)};
    }
    return {};
}

Status check_may_read(const std::string& path) {
    if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0) return {};
    return file_error("cannot read " + path, errno);
}

Status check_content(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return {};
    if (!S_ISREG(facts.st_mode))
        return Error{Errc::invalid, Origin::config, path + " is not a file: use another storage"};
    if (facts.st_size == 0) {
        if (file_size(path + "-wal") == 0) return {};
        return Error{Errc::corrupt,
                     Origin::internal,
                     path + " is empty, but " + path +
                         "-wal holds data: restore the file, or move "
                         "both away to start anew"};
    }
    const Result<char> first = first_byte(path);
    if (!first) return first.error();
    if (*first == '{')
        return Error{Errc::unsupported,
                     Origin::config,
                     base_name(path) +
                         " is a Traefik store: use another storage and mesh certs import " +
                         base_name(path)};
    return {};
}

Status create_private_file(const std::string& path) {
    const std::string folder = folder_of(path);
    if (const Status made = create_folders(folder); !made) return made.error();
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        if (errno == EEXIST) return {};
        return file_error("cannot create " + path, errno);
    }
    ::close(file);
    sync_folder(folder);
    return {};
}

void narrow_modes(const std::string& path, Log& log) {
    for (const char* ending : endings) {
        struct stat facts {};
        const std::string file = path + ending;
        if (::stat(file.c_str(), &facts) != 0 || (facts.st_mode & 077U) == 0) continue;
        if (::chmod(file.c_str(), 0600) == 0)
            log.error("store_mode",
                      "the store was open to other users; its mode is set back to 0600, and its "
                      "keys should be taken for known",
                      {{"file", file}});
        else
            log.error("store_mode",
                      "the store is open to other users and its mode cannot be set back",
                      {{"file", file}, {"reason", std::strerror(errno)}});
    }
}

std::optional<std::string> why_read_only(const std::string& path) {
    if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0)
        return path + ": " + std::strerror(errno);
    const std::string folder = folder_of(path);
    if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
        return "folder " + folder + ": " + std::strerror(errno);
    return std::nullopt;
}

}  // namespace mesh::store

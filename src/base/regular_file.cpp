#include "base/regular_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace mesh {
namespace {

/// Closes the descriptor it owns.
class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

 private:
    int fd_;
};

Error failure(int error) {
    const Errc code = error == ENOENT   ? Errc::not_found
                      : error == EACCES ? Errc::permission
                                        : Errc::io;
    return {code, Origin::config, std::generic_category().message(error)};
}

Result<Descriptor> open_regular(const std::string& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return failure(errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return failure(errno);
    if (S_ISDIR(status.st_mode)) return failure(EISDIR);
    if (!S_ISREG(status.st_mode)) return Error{Errc::io, Origin::config, "Not a regular file"};
    return file;
}

}  // namespace

Result<std::string> read_regular_file(const std::string& path, std::size_t size_max) {
    auto file = open_regular(path);
    if (!file) return file.error();
    std::string content;
    std::size_t used = 0;
    while (used <= size_max) {
        content.resize(std::max<std::size_t>(64 * 1024, content.size() * 2));
        const ssize_t got = ::read(file->get(), content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure(errno);
        if (got == 0) {
            content.resize(used);
            return content;
        }
        used += static_cast<std::size_t>(got);
        content.resize(used);
    }
    return Error{
        Errc::limit, Origin::config, "it is larger than " + std::to_string(size_max) + " bytes"};
}

Status check_readable(const std::string& path) {
    auto file = open_regular(path);
    if (!file) return file.error();
    return {};
}

}  // namespace mesh

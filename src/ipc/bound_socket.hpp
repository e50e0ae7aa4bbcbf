#pragma once
#include "base/result.hpp"
#include "ipc/descriptor.hpp"

#include <string>
#include <sys/types.h>

namespace mesh::ipc {

/// A listening socket in the file system. Its file has mode 0600 from the moment it exists, and
/// goes away with this object as long as it is still the one made here.
class BoundSocket {
 public:
    /// The file of a socket whose owner is gone is replaced; one that somebody listens on never
    /// is, nor is anything that is no socket. Errors: conflict (a process listens there, or
    /// something else has that name), permission, not_found (no such folder), io.
    [[nodiscard]] static Result<BoundSocket> bind(const std::string& path, int backlog);
    /// The same, in place of a socket that another process of ours listens on: there is no moment
    /// in which nobody does. Errors: as bind(), conflict for what is no socket.
    [[nodiscard]] static Result<BoundSocket> take_over(const std::string& path, int backlog);

    BoundSocket(BoundSocket&& other) noexcept;
    BoundSocket& operator=(BoundSocket&& other) noexcept;
    BoundSocket(const BoundSocket&) = delete;
    BoundSocket& operator=(const BoundSocket&) = delete;
    ~BoundSocket();

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const std::string& path() const { return path_; }
    /// False when the file is gone, or another one's.
    [[nodiscard]] bool is_there() const;

 private:
    BoundSocket() = default;
    [[nodiscard]] static Result<BoundSocket> make();
    /// Under `path`, where nothing is.
    [[nodiscard]] Status bind_to(const std::string& path, int backlog);

    std::string path_;
    Descriptor fd_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// Makes `link` lead to the socket at `target`, so that who knows the one finds the other. Replaces
/// a link, or the file of a socket nobody listens on. Errors: conflict, permission, not_found, io.
[[nodiscard]] Status point_to(const std::string& link, const std::string& target);

/// Whether somebody listens on the socket at `path`, or might: what cannot be asked counts.
[[nodiscard]] bool is_listened_on(const std::string& path);

}  // namespace mesh::ipc

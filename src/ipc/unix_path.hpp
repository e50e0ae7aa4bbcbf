#pragma once
#include "base/result.hpp"
#include "ipc/descriptor.hpp"

#include <string>
#include <sys/socket.h>
#include <sys/un.h>

namespace mesh::ipc {

/// A path as the kernel takes it for a socket, whose address has room for 107 bytes only: a longer
/// path is named through its folder, which stays open meanwhile. A file name alone must fit.
class UnixPath {
 public:
    /// Errors: not_found or permission (the folder of a long path), limit (the name is too long).
    [[nodiscard]] static Result<UnixPath> make(const std::string& path);

    [[nodiscard]] const sockaddr* address() const {
        // The sockets API takes every kind of address by this type.
        return reinterpret_cast<const sockaddr*>(&address_);
    }
    [[nodiscard]] socklen_t size() const { return sizeof address_; }

 private:
    sockaddr_un address_{};
    Descriptor folder_;
};

/// A failure of the operating system in its own words: "connect: Permission denied".
[[nodiscard]] Error system_error(const std::string& call, int number);

}  // namespace mesh::ipc

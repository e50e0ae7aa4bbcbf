#pragma once
#include "base/result.hpp"

#include <string>

namespace mesh::store {

/// One process owns a store: an advisory lock (flock(2)) on `<storage>.lock`, which holds the
/// owner's pid as text. Never on the database itself, whose locks belong to SQLite. The kernel
/// lets go of it when the process ends, however it ends; the file stays.
class OwnershipLock {
 public:
    /// Errors: conflict, naming the owner's pid; permission, io, full.
    [[nodiscard]] static Result<OwnershipLock> take(const std::string& storage);

    OwnershipLock(OwnershipLock&& other) noexcept;
    OwnershipLock& operator=(OwnershipLock&& other) noexcept;
    OwnershipLock(const OwnershipLock&) = delete;
    OwnershipLock& operator=(const OwnershipLock&) = delete;
    ~OwnershipLock();

    /// Whether the file was there before: somebody has owned this store already.
    [[nodiscard]] bool was_there() const { return !created_; }
    /// Removes the file if this object made it: for a store that is refused after all.
    void leave_no_trace();

 private:
    OwnershipLock(int descriptor, std::string path, bool created)
        : descriptor_(descriptor), path_(std::move(path)), created_(created) {}
    void release() noexcept;

    int descriptor_ = -1;
    std::string path_;
    bool created_ = false;
};

}  // namespace mesh::store

#pragma once
#include "base/result.hpp"

#include <string>

namespace mesh::store {

/// A file being made under a temporary name: 0600 from its first byte. It gets its real name when
/// all of it is on disk; until then it goes, whatever happens to this object.
class DraftFile {
 public:
    /// What an attempt before left under this name goes first. Errors: permission, full, io.
    [[nodiscard]] static Result<DraftFile> create(std::string temporary_name);
    /// Beside `real_name`, under a name no file has: nothing of anybody's goes. Errors: permission,
    /// full, io.
    [[nodiscard]] static Result<DraftFile> create_beside(const std::string& real_name);

    DraftFile(DraftFile&& other) noexcept;
    DraftFile& operator=(DraftFile&&) = delete;
    DraftFile(const DraftFile&) = delete;
    DraftFile& operator=(const DraftFile&) = delete;
    ~DraftFile();

    [[nodiscard]] const std::string& name() const { return name_; }
    /// Errors: full, when a file of so many bytes would leave the disk without a reserve.
    [[nodiscard]] Status require_room(std::uint64_t bytes) const;
    /// Adds what can be read from the open file `source`, to its end. `name` is for the error.
    [[nodiscard]] Status append_all_of(int source, const std::string& name);
    /// Waits until what was written so far is on disk.
    [[nodiscard]] Status sync();
    /// Takes the place of what has that name, in one step.
    [[nodiscard]] Status publish_over(const std::string& real_name);
    /// Errors: conflict when there is a file of that name.
    [[nodiscard]] Status publish_as_new(const std::string& real_name);

 private:
    DraftFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
    static Result<DraftFile> create_private(std::string name);
    void has_its_name(const std::string& real_name);

    int descriptor_ = -1;
    std::string name_;  ///< empty once it has its real name
};

}  // namespace mesh::store

#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

namespace mesh::ipc::test {

/// A folder of its own that goes away with the object.
class Folder {
 public:
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "mesh-ipc-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
    std::filesystem::path path_;
};

}  // namespace mesh::ipc::test

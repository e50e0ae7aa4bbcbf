#include "config/files.hpp"

#include <filesystem>
#include <system_error>

namespace mesh::config {

std::string absolute_path(std::string_view path, const std::string& folder) {
    return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::string folder_of(const std::string& file) {
    std::error_code error;
    const auto whole = std::filesystem::absolute(file, error);
    return (error ? std::filesystem::path(file) : whole).lexically_normal().parent_path().string();
}

}  // namespace mesh::config

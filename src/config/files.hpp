#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::config {

/// The content of a regular file of at most `size_max` bytes. Never blocks on a pipe or device.
/// The message names the reason only ("no such file"), not the path.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t size_max);

/// Whether read_file could open the file; reads nothing.
[[nodiscard]] Status check_readable(const std::string& path);

/// `path`, which starts at `folder` when it is relative. Lexical: links stay as they are.
[[nodiscard]] std::string absolute_path(std::string_view path, const std::string& folder);

/// The absolute folder a file stands in.
[[nodiscard]] std::string folder_of(const std::string& file);

}  // namespace mesh::config

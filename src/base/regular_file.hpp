#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <string>

namespace mesh {

/// The content of a regular file of at most `size_max` bytes. Never blocks on a pipe or device.
/// The message names the reason only ("No such file or directory"), not the path.
[[nodiscard]] Result<std::string> read_regular_file(const std::string& path, std::size_t size_max);

/// Whether read_regular_file could open the file; reads nothing.
[[nodiscard]] Status check_readable(const std::string& path);

}  // namespace mesh

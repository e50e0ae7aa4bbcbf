#pragma once
#include <string>
#include <string_view>

namespace mesh::config {

/// `path`, which starts at `folder` when it is relative. Lexical: links stay as they are.
[[nodiscard]] std::string absolute_path(std::string_view path, const std::string& folder);

/// The absolute folder a file stands in.
[[nodiscard]] std::string folder_of(const std::string& file);

}  // namespace mesh::config

#pragma once
#include <string>
#include <string_view>

namespace mesh::config {

struct TomlMistake {
    std::string_view code;
    std::string message;
    std::string hint;
};

/// What toml++ says, in words that help whoever edits the file. A key that stands twice is none of
/// its business.
[[nodiscard]] TomlMistake explain_toml(std::string_view description);

}  // namespace mesh::config

#pragma once
#include "config/draft.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// Whether labels can begin with it: parts between dots, none of them empty, no blanks. Nothing at
/// all stands for labels without a prefix.
[[nodiscard]] bool is_prefix(std::string_view text);

/// What labels of a provider begin with, as far as it is right; never empty.
[[nodiscard]] std::vector<std::string> prefixes_of(const LabelProviderDraft& draft);

}  // namespace mesh::config

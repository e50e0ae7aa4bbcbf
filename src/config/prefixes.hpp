#pragma once
#include "config/draft.hpp"
#include "config/problems.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace mesh::config {

/// Whether labels can begin with it: parts between dots, none of them empty, no blanks. Nothing at
/// all stands for labels without a prefix.
[[nodiscard]] bool is_prefix(std::string_view text);

/// Reports what labels cannot begin with; one that a substitution left empty, which would mean
/// labels without a prefix; and two that one label could begin with, in any case: the same, "my"
/// and "my.mesh", or none and another.
void check_prefixes(const std::vector<Text>& prefixes, Problems& problems);

/// What labels of a provider begin with, as far as it is right; never empty.
[[nodiscard]] std::vector<std::string> prefixes_of(const LabelProviderDraft& draft);

}  // namespace mesh::config

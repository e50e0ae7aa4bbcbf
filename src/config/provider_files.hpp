#pragma once
#include "config/draft.hpp"
#include "config/load.hpp"
#include "model/configuration.hpp"

#include <optional>
#include <vector>

namespace mesh::config {

/// More files or folders in each other than this are a mistake.
inline constexpr std::size_t provider_files_max = 10'000;
/// Other files counted too.
inline constexpr std::size_t provider_entries_max = 100'000;
inline constexpr int provider_depth_max = 16;

/// Where providers.file says that further files are, as the model has it. Reports what is wrong
/// with the options themselves.
[[nodiscard]] std::optional<model::FileProvider> provider_of(const FileProviderDraft& draft,
                                                             Problems& problems);

/// Reads them, sorted by path; reports what cannot be read at the option that names it. All files
/// together hold at most what one file may.
[[nodiscard]] std::vector<NamedText> read_provider_files(const model::FileProvider& provider,
                                                         const model::Location& at,
                                                         Problems& problems);

}  // namespace mesh::config

#pragma once
#include "app/loaded_configuration.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/records.hpp"

#include <optional>
#include <string>

namespace mesh::app {

/// A configuration larger than this is not kept.
inline constexpr std::size_t kept_configuration_max = std::size_t{16} << 20;

/// What the store keeps of a configuration that was applied; nothing when it is too large. The
/// texts are as they were read, so no secret is in them that was not in the files.
[[nodiscard]] std::optional<store::ConfigurationRecord> record_of(const std::string& path,
                                                                  const ConfigurationTexts& texts,
                                                                  WallTime applied);

struct LastGood {
    LoadedConfiguration loaded;  ///< holds a configuration
    WallTime applied;
};

/// The configuration applied last, read from the store at `storage` and checked as if it were read
/// from its files; where `storage` is empty, from the store a file at `path` has by default.
/// Blocking. Errors: no store, nothing kept in it, or what was kept is not valid any more.
[[nodiscard]] Result<LastGood> load_last_good(const std::string& path, const std::string& storage);

}  // namespace mesh::app

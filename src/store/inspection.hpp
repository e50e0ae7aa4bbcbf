#pragma once
#include "base/result.hpp"
#include "store/records.hpp"

#include <functional>
#include <string>
#include <vector>

/// Looking at and copying a store from outside, also beside a running owner. Takes no lock, and
/// changes nothing of the store.
namespace mesh::store {

/// One version with what was found of it.
struct InspectedVersion {
    std::int64_t version_id = 0;
    CertificateKey key;
    VersionFacts facts;
    bool current = false;
    Result<VersionMaterial> material = Error{};  ///< corrupt, not_found: damaged, or without a row
};

/// What SQLite itself finds, at most a hundred lines: damage of the file, rows that point nowhere,
/// account keys that are not what was written. Empty: sound. Errors: not_found, permission,
/// unsupported, io, and corrupt for a file in which nothing can be looked up any more.
[[nodiscard]] Result<std::vector<std::string>> inspect_database(const std::string& path);

/// Gives every version to `look`, by certificate and age. Errors as above.
[[nodiscard]] Status inspect_versions(const std::string& path,
                                      const std::function<void(const InspectedVersion&)>& look);

/// An online copy of the store at `path` as the new file `to`: 0600, checked, on disk before it has
/// its name. Errors as above; conflict (there is a file of that name, or it is one of the store's
/// own), and permission, full or io of the new file's place.
[[nodiscard]] Status back_up(const std::string& path, const std::string& to);

}  // namespace mesh::store

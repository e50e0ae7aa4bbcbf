#pragma once
#include "store/records.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace SQLite {
class Database;
}

/// Rows read back as records. Each is one consistent view; all throw SQLite::Exception.
namespace mesh::store {

[[nodiscard]] std::vector<StoredCertificate> read_certificates(SQLite::Database& database);
/// Those that have a version, likewise by id.
[[nodiscard]] std::vector<ServedCertificate> read_served_certificates(SQLite::Database& database);
/// Newest first. `names` as names_key() writes them.
[[nodiscard]] std::vector<StoredVersion> read_versions(SQLite::Database& database,
                                                       const std::string& directory,
                                                       const std::string& names);
/// Throws, with SQLITE_CORRUPT, also when the row is not what was written into it.
[[nodiscard]] std::optional<VersionMaterial> read_version(SQLite::Database& database,
                                                          std::int64_t version_id);
/// Versions whose chain or key is not what was written. Reads all of them.
[[nodiscard]] std::vector<std::int64_t> find_damaged_versions(SQLite::Database& database);
/// Writes a version's chain and key over what is there.
void replace_material(SQLite::Database& database,
                      std::int64_t version_id,
                      const VersionMaterial& material);
/// The same for the key of an account.
void replace_account_key(SQLite::Database& database,
                         const std::string& directory,
                         const Secret& key);
/// What tells a version from another of the same id in another store; empty without such a row.
[[nodiscard]] std::string sha256_of_version(SQLite::Database& database, std::int64_t version_id);
/// The id of the version made last; 0 without one.
[[nodiscard]] std::int64_t newest_version(SQLite::Database& database);
[[nodiscard]] std::vector<OrderRecord> read_orders(SQLite::Database& database);
struct StoredAccount {
    AccountRecord record;
    bool damaged = false;  ///< its key is not the one that was written
};
[[nodiscard]] std::vector<StoredAccount> read_accounts(SQLite::Database& database);
[[nodiscard]] std::vector<AuthorityRecord> read_authorities(SQLite::Database& database);
[[nodiscard]] std::optional<ConfigurationRecord> read_configuration(SQLite::Database& database);
/// Newest first. `names` as names_key() writes them.
[[nodiscard]] std::vector<HistoryRecord> read_history(SQLite::Database& database,
                                                      const std::string& directory,
                                                      const std::string& names,
                                                      std::size_t limit);

}  // namespace mesh::store

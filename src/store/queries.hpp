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
[[nodiscard]] std::optional<VersionMaterial> read_version(SQLite::Database& database,
                                                          std::int64_t version_id);
[[nodiscard]] std::vector<OrderRecord> read_orders(SQLite::Database& database);
[[nodiscard]] std::vector<AccountRecord> read_accounts(SQLite::Database& database);
[[nodiscard]] std::vector<AuthorityRecord> read_authorities(SQLite::Database& database);
/// Newest first. `names` as names_key() writes them.
[[nodiscard]] std::vector<HistoryRecord> read_history(SQLite::Database& database,
                                                      const std::string& directory,
                                                      const std::string& names,
                                                      std::size_t limit);

}  // namespace mesh::store

#include "store/sqlite_store.hpp"

#include "store/names_text.hpp"
#include "store/queries.hpp"

#include <utility>

namespace mesh::store {

SqliteStore::SqliteStore(std::string path,
                         std::optional<Ownership> ownership,
                         TestHooks hooks,
                         Log& log)
    : path_(std::move(path)),
      reads_(path_, ownership ? ReadPool::Owner::us : ReadPool::Owner::maybe_other, hooks) {
    if (!ownership) return;
    lock_ = std::move(ownership->lock);
    commits_.emplace(std::move(ownership->writer), path_, hooks, log);
}

void SqliteStore::apply(Transition transition,
                        Executor& executor,
                        std::function<void(Result<Applied>)> done) {
    if (commits_) {
        commits_->submit(std::move(transition), executor, std::move(done));
        return;
    }
    executor.post([done = std::move(done), path = path_] {
        done(Error{Errc::permission, Origin::internal, path + " is open for reading only"});
    });
}

Result<std::vector<StoredCertificate>> SqliteStore::certificates() {
    return reads_.read(read_certificates);
}

Result<VersionMaterial> SqliteStore::version(std::int64_t version_id) {
    auto found = reads_.read(
        [version_id](SQLite::Database& database) { return read_version(database, version_id); });
    if (!found) return found.error();
    if (!*found)
        return Error{Errc::not_found,
                     Origin::internal,
                     path_ + " has no certificate version " + std::to_string(version_id)};
    return **std::move(found);
}

Result<std::vector<OrderRecord>> SqliteStore::orders() {
    return reads_.read(read_orders);
}

Result<std::vector<AccountRecord>> SqliteStore::accounts() {
    return reads_.read(read_accounts);
}

Result<std::vector<AuthorityRecord>> SqliteStore::authorities() {
    return reads_.read(read_authorities);
}

Result<std::vector<HistoryRecord>> SqliteStore::history(const CertificateKey& key,
                                                        std::size_t limit) {
    const Result<std::string> names = names_key(key.names);
    if (!names) return names.error();
    return reads_.read([&](SQLite::Database& database) {
        return read_history(database, key.directory, *names, limit);
    });
}

}  // namespace mesh::store

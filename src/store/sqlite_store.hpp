#pragma once
#include "store/commit_thread.hpp"
#include "store/ownership_lock.hpp"
#include "store/read_pool.hpp"
#include "store/store.hpp"

#include <optional>
#include <string>

namespace mesh::store {

/// The Store over one SQLite file.
class SqliteStore final : public Store {
 public:
    /// What owning adds to reading.
    struct Ownership {
        OwnershipLock lock;
        Connection writer;
    };

    SqliteStore(std::string path, std::optional<Ownership> ownership, TestHooks hooks, Log& log);

    void apply(Transition transition,
               Executor& executor,
               std::function<void(Result<Applied>)> done) override;
    Result<std::vector<StoredCertificate>> certificates() override;
    Result<VersionMaterial> version(std::int64_t version_id) override;
    Result<std::vector<OrderRecord>> orders() override;
    Result<std::vector<AccountRecord>> accounts() override;
    Result<std::vector<AuthorityRecord>> authorities() override;
    Result<std::vector<HistoryRecord>> history(const CertificateKey& key,
                                               std::size_t limit) override;
    [[nodiscard]] bool writable() const override { return commits_.has_value(); }

 private:
    std::string path_;
    // Destroyed from the last to the first: readers close before the writer, whose connection, the
    // last one, moves the log into the database file; the lock goes when all is done.
    std::optional<OwnershipLock> lock_;
    std::optional<CommitThread> commits_;
    ReadPool reads_;
};

}  // namespace mesh::store

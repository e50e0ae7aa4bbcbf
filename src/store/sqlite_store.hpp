#pragma once
#include "store/commit_thread.hpp"
#include "store/last_copy.hpp"
#include "store/ownership_lock.hpp"
#include "store/read_pool.hpp"
#include "store/store.hpp"

#include <optional>
#include <string>

namespace mesh::store {

/// What owning a store adds to reading it.
struct Ownership {
    OwnershipLock lock;
    Connection writer;
};

/// Takes the lock of `path` and opens it for writing, made or migrated where needed. Mends nothing:
/// for a store that is known to be sound. Errors as of open(), besides permission, full and io for
/// a place that cannot be written. Throws SQLite::Exception.
[[nodiscard]] Result<Ownership> take_ownership(const std::string& path, Log& log);

/// The Store over one SQLite file.
class SqliteStore final : public Store {
 public:
    /// Only to read.
    SqliteStore(std::string path, TestHooks hooks, Log& log);
    /// To own. An error says why the store can only be read for now; ownership is asked for again
    /// until it is there.
    SqliteStore(std::string path,
                Result<Ownership> ownership,
                const Timing& timing,
                TestHooks hooks,
                Log& log);
    ~SqliteStore() override;
    SqliteStore(const SqliteStore&) = delete;
    SqliteStore& operator=(const SqliteStore&) = delete;

    void apply(Transition transition,
               Executor& executor,
               std::function<void(Result<Applied>)> done) override;
    Result<std::vector<StoredCertificate>> certificates() override;
    Result<std::vector<ServedCertificate>> served_certificates() override;
    Result<std::vector<StoredVersion>> versions(const CertificateKey& key) override;
    Result<VersionMaterial> version(std::int64_t version_id) override;
    Result<VersionMaterial> version_of_copy(std::int64_t version_id) override;
    Result<std::vector<OrderRecord>> orders() override;
    Result<std::vector<AccountRecord>> accounts() override;
    Result<std::vector<AuthorityRecord>> authorities() override;
    Result<std::optional<ConfigurationRecord>> configuration() override;
    Result<std::vector<HistoryRecord>> history(const CertificateKey& key,
                                               std::size_t limit) override;
    [[nodiscard]] bool writable() const override { return commits_ && commits_->writable(); }
    void give_up() override;
    void take_back() override;

 private:
    void own_again();
    [[nodiscard]] Result<Connection> become_writer();
    [[nodiscard]] Status take_from_copy(AccountRecord& damaged);

    std::string path_;
    Timing timing_;
    Log& log_;
    // Destroyed from the last to the first, after the writer's thread has ended: readers close
    // before the writer, whose connection, the last one, moves the log into the database file; the
    // lock goes when all is done.
    bool given_up_ = false;
    std::optional<OwnershipLock> lock_;
    std::optional<CommitThread> commits_;
    std::optional<LastCopy> last_copy_;
    ReadPool reads_;
    ReadPool copy_reads_;
};

}  // namespace mesh::store

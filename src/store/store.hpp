#pragma once
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "store/records.hpp"
#include "store/timing.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mesh::store {

/// What must survive. Writes are asynchronous and durable; reads may block and are for start-up,
/// the certificate loader and commands, never for the data path.
class Store {
 public:
    virtual ~Store() = default;

    /// Thread-safe. `done` runs on `executor` after the transition is on disk (fsync), or with
    /// the reason it is not: full, permission, io, corrupt. Transitions are applied in the order
    /// given; several may share one commit, and one that fails does not take others with it.
    /// Further errors: not_found and invalid (a change that cannot be applied), limit (200,000
    /// changes are waiting already), cancelled (the store was destroyed before its turn came).
    /// `executor` outlives the store. Deleting what is not there is no error.
    virtual void apply(Transition transition,
                       Executor& executor,
                       std::function<void(Result<Applied>)> done) = 0;

    // Thread-safe reads, each a consistent view.
    [[nodiscard]] virtual Result<std::vector<StoredCertificate>> certificates() = 0;
    /// Those of them that have a version, in a fraction of the time and the memory.
    [[nodiscard]] virtual Result<std::vector<ServedCertificate>> served_certificates();
    /// The current version of a certificate and up to two before it, newest first.
    [[nodiscard]] virtual Result<std::vector<StoredVersion>> versions(const CertificateKey& key);
    /// Never waits for a write. not_found once the version was superseded three times.
    [[nodiscard]] virtual Result<VersionMaterial> version(std::int64_t version_id) = 0;
    /// The same version as the online copy has it, for when version() gives nothing, or nothing of
    /// use. not_found: the copy has no such version, or there is no copy.
    [[nodiscard]] virtual Result<VersionMaterial> version_of_copy(std::int64_t version_id);
    [[nodiscard]] virtual Result<std::vector<OrderRecord>> orders() = 0;
    [[nodiscard]] virtual Result<std::vector<AccountRecord>> accounts() = 0;
    [[nodiscard]] virtual Result<std::vector<AuthorityRecord>> authorities() = 0;
    /// The configuration applied last; nothing where none was kept.
    [[nodiscard]] virtual Result<std::optional<ConfigurationRecord>> configuration();
    /// Newest first.
    [[nodiscard]] virtual Result<std::vector<HistoryRecord>> history(const CertificateKey& key,
                                                                     std::size_t limit) = 0;
    /// False while the file can only be read: every apply fails, with the reason. A store that is
    /// owned turns writable by itself when what keeps it from that is mended, and stays so.
    [[nodiscard]] virtual bool writable() const = 0;

    /// Gives an owned store up, for another process to own: finishes what is queued, for at most
    /// five seconds, and lets go of the lock. What can be read goes on being read; apply() fails
    /// with cancelled. Blocking; with take_back() on one thread at a time.
    virtual void give_up() {}
    /// Owns a store again that was given up. Where that cannot be, it is as one that cannot be
    /// written when it is opened: asked for again until it can. Throws where there is no thread or
    /// memory for it, which is to be called again. Blocking.
    virtual void take_back() {}
};

enum class Access {
    own,   ///< take the lock, create if missing, migrate, write
    read,  ///< no lock, no change; a missing file is not_found
};

/// Opens `path` (absolute). `log` is used by several threads and outlives the store, as do the
/// executors given to it; destroying the store finishes what is queued, for at most five seconds.
/// Own, but the place cannot be written: what is stored can be read, writable() is false, and
/// store_degraded is logged, store_recovered when that ends. Own, but the database is damaged: it
/// is renamed `<path>.corrupt-<time>`, and `<path>.last` is opened in its place, or a new store
/// begun; logged with both names. Errors: conflict (another process owns it: the message has its
/// pid), permission (wrong owner, with the chown that mends it), unsupported (newer schema, a JSON
/// file such as Traefik's acme.json, another program's database, a network file system), corrupt
/// (damaged, and opened only to read or not certainly ours), io.
[[nodiscard]] Result<std::unique_ptr<Store>> open(const std::string& path,
                                                  Access access,
                                                  Log& log,
                                                  const Timing& timing = {});

[[nodiscard]] std::string runtime_version();  ///< "SQLite 3.40.1"
[[nodiscard]] std::string build_version();

}  // namespace mesh::store

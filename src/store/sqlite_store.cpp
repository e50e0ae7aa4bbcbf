#include "store/sqlite_store.hpp"

#include "store/database_file.hpp"
#include "store/names_text.hpp"
#include "store/queries.hpp"
#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Exception.h>

#include <utility>

namespace mesh::store {

Result<std::vector<ServedCertificate>> Store::served_certificates() {
    auto stored = certificates();
    if (!stored) return stored.error();
    std::vector<ServedCertificate> served;
    for (StoredCertificate& one : *stored)
        if (one.version)
            served.push_back({one.certificate_id,
                              one.version_id,
                              std::move(one.record.key.directory),
                              std::move(one.record.key.names),
                              one.version->not_before,
                              one.version->not_after,
                              !one.record.unwanted_since});
    return served;
}

Result<std::vector<StoredVersion>> Store::versions(const CertificateKey&) {
    return std::vector<StoredVersion>();
}

Result<std::optional<ConfigurationRecord>> Store::configuration() {
    return std::optional<ConfigurationRecord>();
}

Result<VersionMaterial> Store::version_of_copy(std::int64_t) {
    return Error{Errc::not_found, Origin::internal, "there is no copy of this store"};
}

SqliteStore::SqliteStore(std::string path, TestHooks hooks, Log& log)
    : path_(std::move(path)),
      log_(log),
      reads_(path_, ReadPool::Owner::maybe_other, hooks),
      copy_reads_(path_ + copy_ending, ReadPool::Owner::maybe_other, hooks) {}

SqliteStore::SqliteStore(
    std::string path, Result<Ownership> ownership, const Timing& timing, TestHooks hooks, Log& log)
    : path_(std::move(path)),
      timing_(timing),
      log_(log),
      reads_(path_, ownership ? ReadPool::Owner::us : ReadPool::Owner::maybe_other, hooks),
      copy_reads_(path_ + copy_ending, ReadPool::Owner::maybe_other, hooks) {
    last_copy_.emplace(path_, timing, log);
    Connection writer;
    if (ownership) {
        lock_ = std::move(ownership->lock);
        writer = std::move(ownership->writer);
    }
    commits_.emplace(std::move(writer),
                     ownership ? Error{} : ownership.error(),
                     path_,
                     CommitThread::Surroundings{[this] { return become_writer(); },
                                                [this] { last_copy_->catch_up(); },
                                                [this] { last_copy_->changed(); }},
                     timing.write_retry,
                     hooks,
                     log);
}

SqliteStore::~SqliteStore() {
    if (commits_) commits_->stop();
}

void SqliteStore::give_up() {
    if (!commits_ || std::exchange(given_up_, true)) return;
    commits_->pause();
    last_copy_.reset();
    lock_.reset();
}

void SqliteStore::take_back() {
    if (!commits_ || !given_up_) return;
    try {
        own_again();
    } catch (...) {
        // It is still given up: another process may have it, and this one tries again.
        last_copy_.reset();
        lock_.reset();
        throw;
    }
    given_up_ = false;
}

void SqliteStore::own_again() {
    last_copy_.emplace(path_, timing_, log_);
    Result<Connection> writer = become_writer();
    if (!writer)
        log_.error("store_degraded",
                   "the store cannot be owned again yet; what is stored is served on",
                   {{"storage", path_}, {"reason", writer.error().message}});
    commits_->resume(std::move(writer));
}

/// On the commit thread, or while there is none.
Result<Connection> SqliteStore::become_writer() {
    if (const auto reason = why_read_only(path_))
        return Error{Errc::permission, Origin::internal, *reason};
    // Of a try before, whose connection could not be used: our own lock would refuse us.
    lock_.reset();
    Result<Connection> writer = Error{};
    reads_.hand_over([&] {
        try {
            Result<Ownership> taken = take_ownership(path_, log_);
            if (taken) {
                lock_ = std::move(taken->lock);
                writer = std::move(taken->writer);
            } else {
                writer = taken.error();
            }
        } catch (const SQLite::Exception& exception) {
            writer = sqlite_error("cannot open " + path_, exception);
        }
        return writer.has_value();
    });
    return writer;
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

Result<std::vector<ServedCertificate>> SqliteStore::served_certificates() {
    return reads_.read(read_served_certificates);
}

Result<std::vector<StoredVersion>> SqliteStore::versions(const CertificateKey& key) {
    const Result<std::string> names = names_key(key.names);
    if (!names) return names.error();
    return reads_.read(
        [&](SQLite::Database& database) { return read_versions(database, key.directory, *names); });
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

Result<VersionMaterial> SqliteStore::version_of_copy(std::int64_t version_id) {
    // After an older backup was put in place, the copy may know another version by this number.
    const auto sha256_in = [version_id](ReadPool& reads) {
        return reads.read([version_id](SQLite::Database& database) {
            return sha256_of_version(database, version_id);
        });
    };
    const std::string copy = path_ + copy_ending;
    if (file_size(copy) == 0)
        return Error{Errc::not_found, Origin::internal, "there is no " + copy};
    const auto here = sha256_in(reads_);
    if (!here) return here.error();
    const auto there = sha256_in(copy_reads_);
    if (!there) return there.error();
    auto found = copy_reads_.read(
        [version_id](SQLite::Database& database) { return read_version(database, version_id); });
    if (!found) return found.error();
    if (*here != *there || !*found)
        return Error{Errc::not_found,
                     Origin::internal,
                     copy + " has no certificate version " + std::to_string(version_id)};
    return **std::move(found);
}

Result<std::vector<OrderRecord>> SqliteStore::orders() {
    return reads_.read(read_orders);
}

Result<std::vector<AccountRecord>> SqliteStore::accounts() {
    auto stored = reads_.read(read_accounts);
    if (!stored) return stored.error();
    std::vector<AccountRecord> accounts;
    for (StoredAccount& account : *stored) {
        accounts.push_back(std::move(account.record));
        if (!account.damaged) continue;
        if (const Status taken = take_from_copy(accounts.back()); !taken) return taken.error();
    }
    return accounts;
}

/// The key of an account is never made anew while there is another way to have it. Errors: why the
/// copy cannot be read just now.
Status SqliteStore::take_from_copy(AccountRecord& damaged) {
    Result<std::vector<StoredAccount>> copies = std::vector<StoredAccount>();
    if (file_size(path_ + copy_ending) != 0) copies = copy_reads_.read(read_accounts);
    if (!copies && copies.error().code != Errc::corrupt)
        return with_context("the stored key of an account is damaged", copies.error());
    const StoredAccount* good = nullptr;
    if (copies)
        for (const StoredAccount& copy : *copies)
            if (copy.record.directory == damaged.directory && !copy.damaged) good = &copy;
    log_.error("account_damaged",
               good != nullptr ? "the stored key of an account is damaged; that of the copy is used"
                               : "the stored key of an account is damaged",
               {{"directory", damaged.directory}, {"storage", path_}});
    // One character that changed may leave a key that parses, another one: nobody is to use it, or
    // to write it back as if it were right.
    damaged.key_pem = good != nullptr ? good->record.key_pem : Secret("damaged");
    return {};
}

Result<std::optional<ConfigurationRecord>> SqliteStore::configuration() {
    return reads_.read(read_configuration);
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

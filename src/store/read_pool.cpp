#include "store/read_pool.hpp"

#include "store/database_file.hpp"
#include "store/schema.hpp"
#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <optional>

namespace mesh::store {
namespace {

// Each try that fails means that an owner started, stopped or checkpointed meanwhile.
constexpr int tries_max = 5;

}  // namespace

/// A reader taken from the pool; goes back only when told that it is sound.
class ReadPool::Lease {
 public:
    explicit Lease(ReadPool& pool) : pool_(pool) {
        std::unique_lock lock(pool_.mutex_);
        pool_.returned_.wait(
            lock, [this] { return pool_.in_use_ < connections_max && !pool_.handing_over_; });
        ++pool_.in_use_;
        if (pool_.idle_.empty()) return;
        reader_ = std::move(pool_.idle_.back());
        pool_.idle_.pop_back();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
        if (!sound_) reader_.reset();  // closed outside the lock
        {
            const std::lock_guard lock(pool_.mutex_);
            --pool_.in_use_;
            if (reader_) pool_.idle_.push_back(*std::move(reader_));
        }
        pool_.returned_.notify_all();
    }

    Reader& reader() {
        if (reader_ && !pool_.still_valid(*reader_)) reader_.reset();
        if (!reader_) reader_ = pool_.open_reader();
        return *reader_;
    }
    void drop_reader() { reader_.reset(); }
    void keep() { sound_ = true; }

 private:
    ReadPool& pool_;
    std::optional<Reader> reader_;
    bool sound_ = false;
};

ReadPool::ReadPool(std::string path, Owner owner, TestHooks hooks)
    : path_(std::move(path)), owner_(owner), hooks_(hooks) {
    idle_.reserve(connections_max);  // giving a connection back must not fail
}

void ReadPool::hand_over(const std::function<bool()>& take) {
    {
        std::unique_lock lock(mutex_);
        handing_over_ = true;
        returned_.wait(lock, [this] { return in_use_ == 0; });
        idle_.clear();
    }
    const bool taken = take();
    {
        const std::lock_guard lock(mutex_);
        if (taken) owner_ = Owner::us;
        handing_over_ = false;
    }
    returned_.notify_all();
}

Status ReadPool::run(const std::function<void(SQLite::Database&)>& query) {
    delay(hooks_.read_delay);
    Lease lease(*this);
    for (int tries = 1; tries <= tries_max; ++tries) {
        const Fingerprint before = fingerprint(Sharing::immutable);
        try {
            Reader& reader = lease.reader();
            query(*reader.connection);
            if (still_valid(reader)) {
                lease.keep();
                return {};
            }
        } catch (const SQLite::Exception& exception) {
            // Who reads without locks may see half of what an owner writes, and take it for damage.
            if (tries == tries_max || fingerprint(Sharing::immutable) == before)
                return sqlite_error("cannot read " + path_, exception);
        }
        lease.drop_reader();
    }
    return Error{Errc::io, Origin::internal, "cannot read " + path_ + ": it keeps changing"};
}

ReadPool::Reader ReadPool::open_reader() const {
    const auto open = [this](Sharing sharing) {
        Reader reader;
        reader.sharing = sharing;
        reader.fingerprint = fingerprint(sharing);
        reader.connection = open_for_reading(path_, sharing);
        // The first look at the file: what cannot be read fails here, not in a query.
        (void)reader.connection->execAndGet("PRAGMA schema_version").getInt();
        add_missing_columns(*reader.connection);
        return reader;
    };
    const Sharing sharing = sharing_now();
    if (sharing != Sharing::locked || owner_ == Owner::us) return open(sharing);
    try {
        return open(sharing);
    } catch (const SQLite::Exception& exception) {
        // The shared memory of an owner that was killed, in a place we cannot write: nobody else
        // can be using it who could not mend it.
        const int code = exception.getErrorCode() & 0xff;
        if (code != SQLITE_CANTOPEN && code != SQLITE_READONLY) throw;
        return open(Sharing::private_wal);
    }
}

Sharing ReadPool::sharing_now() const {
    if (owner_ == Owner::us) return Sharing::locked;
    if (file_size(path_ + "-wal") == 0) return Sharing::immutable;
    return file_exists(path_ + "-shm") ? Sharing::locked : Sharing::private_wal;
}

bool ReadPool::still_valid(const Reader& reader) const {
    if (reader.sharing == Sharing::locked) return true;
    return fingerprint(reader.sharing) == reader.fingerprint;
}

ReadPool::Fingerprint ReadPool::fingerprint(Sharing sharing) const {
    const auto look = [](const std::string& path) {
        struct stat facts {};
        if (::stat(path.c_str(), &facts) != 0) return Fingerprint::File{};
        return Fingerprint::File{
            facts.st_ino,
            facts.st_size,
            std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec};
    };
    if (sharing == Sharing::locked) return {};
    return {look(path_), look(path_ + "-wal")};
}

}  // namespace mesh::store

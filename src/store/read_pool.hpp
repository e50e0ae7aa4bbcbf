#pragma once
#include "base/result.hpp"
#include "store/connection.hpp"
#include "store/test_hooks.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace mesh::store {

/// Connections for reading, each used by one thread at a time and kept for the next. In WAL mode
/// a reader waits neither for the writer nor for other readers.
class ReadPool {
 public:
    /// At most so many reads at once; further callers wait for one to end.
    static constexpr std::size_t connections_max = 4;

    enum class Owner {
        us,           ///< this process has, or is about to have, the database open for writing
        maybe_other,  ///< nobody, or another process: leave no trace
    };
    ReadPool(std::string path, Owner owner, TestHooks hooks);

    /// Runs `take` while nobody reads and every connection is closed; readers that come meanwhile
    /// wait. When it says so, the database is ours from then on.
    void hand_over(const std::function<bool()>& take);

    /// Runs `query` on a connection; what it throws of SQLite's becomes an Error. It may run more
    /// than once when the files change under a read without locks.
    template <class Query>
    auto read(Query&& query) -> Result<decltype(query(std::declval<SQLite::Database&>()))> {
        using Value = decltype(query(std::declval<SQLite::Database&>()));
        std::optional<Value> value;
        const Status done =
            run([&](SQLite::Database& database) { value.emplace(query(database)); });
        if (!done) return done.error();
        return *std::move(value);
    }

 private:
    /// Tells whether the files a read without locks relies on are still the same.
    struct Fingerprint {
        struct File {
            ino_t inode = 0;
            off_t size = -1;  ///< -1: no such file
            std::int64_t modified_ns = 0;
            bool operator==(const File&) const = default;
        };
        File database;
        File wal;
        bool operator==(const Fingerprint&) const = default;
    };
    struct Reader {
        Connection connection;
        Sharing sharing = Sharing::locked;
        Fingerprint fingerprint;
    };
    class Lease;

    Status run(const std::function<void(SQLite::Database&)>& query);
    Reader open_reader() const;
    [[nodiscard]] Fingerprint fingerprint(Sharing sharing) const;
    [[nodiscard]] Sharing sharing_now() const;
    [[nodiscard]] bool still_valid(const Reader& reader) const;

    std::string path_;
    Owner owner_;
    TestHooks hooks_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<Reader> idle_;
    std::size_t in_use_ = 0;
    bool handing_over_ = false;
};

}  // namespace mesh::store

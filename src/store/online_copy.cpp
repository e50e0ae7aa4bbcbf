#include "store/online_copy.hpp"

#include "store/connection.hpp"
#include "store/database_file.hpp"
#include "store/schema.hpp"
#include "store/sqlite_error.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <cerrno>
#include <memory>

namespace mesh::store {
namespace {

// Between two steps the copy can be given up. The disk takes it in pieces too: one big flush at
// the end would hold up the fsync of a commit that comes in the middle of it.
constexpr int pages_per_step = 64;
constexpr int steps_per_sync = 16;

struct EndBackup {
    void operator()(sqlite3_backup* backup) const noexcept { sqlite3_backup_finish(backup); }
};

/// One view for as long as this lives, so that no commit makes the copy begin anew.
class View {
 public:
    explicit View(SQLite::Database& database) : database_(database) {
        database_.exec("BEGIN");
        (void)database_.execAndGet("SELECT count(*) FROM sqlite_schema").getInt64();
    }
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    ~View() { (void)database_.tryExec("ROLLBACK"); }

 private:
    SQLite::Database& database_;
};

std::uint64_t size_of(SQLite::Database& database) {
    const auto pages = database.execAndGet("PRAGMA page_count").getInt64();
    const auto page_size = database.execAndGet("PRAGMA page_size").getInt64();
    return static_cast<std::uint64_t>(pages * page_size);
}

Status copy_pages(SQLite::Database& from,
                  SQLite::Database& to,
                  DraftFile& into,
                  const std::function<bool()>& go_on) {
    const std::unique_ptr<sqlite3_backup, EndBackup> backup(
        sqlite3_backup_init(to.getHandle(), "main", from.getHandle(), "main"));
    if (!backup) throw SQLite::Exception(to.getHandle(), to.getErrorCode());
    for (int steps = 1;; ++steps) {
        const int code = sqlite3_backup_step(backup.get(), pages_per_step);
        if (code == SQLITE_DONE) return {};
        if (code != SQLITE_OK) throw SQLite::Exception(sqlite3_errstr(code), code);
        if (!go_on())
            return Error{Errc::cancelled, Origin::internal, "the copy was given up half way"};
        if (steps % steps_per_sync == 0)
            if (const Status synced = into.sync(); !synced) return synced.error();
    }
}

}  // namespace

Status copy_database(SQLite::Database& from, DraftFile& into, const std::function<bool()>& go_on) {
    const View view(from);
    if (const Status room = into.require_room(size_of(from)); !room) return room.error();
    {
        // A copy that is not whole is thrown away: it needs neither a journal nor SQLite's syncs.
        SQLite::Database to(into.name(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
        to.exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
        if (const Status copied = copy_pages(from, to, into, go_on); !copied) return copied.error();
    }
    return into.sync();
}

Status check_copy(const std::string& path) {
    if (file_size(path) == 0)
        return Error{Errc::not_found, Origin::internal, "there is no store at " + path};
    if (const Status allowed = check_may_read(path); !allowed) return allowed.error();
    try {
        const Connection copy = open_for_reading(path, Sharing::immutable);
        const Result<SchemaState> schema = examine_schema(*copy, path);
        if (!schema) return schema.error();
        if (*schema == SchemaState::empty)
            return Error{Errc::not_found, Origin::internal, path + " is empty"};
        return quick_check(*copy, path);
    } catch (const SQLite::Exception& exception) {
        return sqlite_error("cannot read " + path, exception);
    }
}

}  // namespace mesh::store

#include "store/row_mending.hpp"

#include "store/connection.hpp"
#include "store/database_file.hpp"
#include "store/schema.hpp"
#include "store/sqlite_error.hpp"
#include "store/statement.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <algorithm>

namespace mesh::store {
namespace {

/// So many lines of a kind at one start.
constexpr std::size_t lines_max = 20;

/// Whether what the database holds keeps a change from being made, and not its disk.
bool is_of_the_content(const SQLite::Exception& exception) {
    const int code = exception.getErrorCode() & 0xff;
    return code == SQLITE_CONSTRAINT || code == SQLITE_CORRUPT;
}

/// Makes a change whole. False, and nothing of it stays, when it says so itself or what the
/// database holds does not allow it.
template <class Change>
bool attempt(SQLite::Database& database, Change change) {
    database.exec("SAVEPOINT mending");
    bool made = false;
    try {
        made = change();
    } catch (const SQLite::Exception& exception) {
        const bool transaction_gone = sqlite3_get_autocommit(database.getHandle()) != 0;
        if (transaction_gone || !is_of_the_content(exception)) throw;
    }
    if (!made) database.exec("ROLLBACK TO mending");
    database.exec("RELEASE mending");
    return made;
}

bool reindex(SQLite::Database& database, const char* sql) {
    return attempt(database, [&] {
        database.exec(sql);
        return true;
    });
}

/// Of the tables whose rows are mended. Those of the history are nearly all of a big store.
constexpr const char* reindex_schedules = "REINDEX certificate; REINDEX version";

bool write_facts(SQLite::Database& database, const VersionRow& row) {
    SQLite::Statement version(database, R"sql(
        UPDATE version SET not_before = ?, not_after = ?, serial = ?, sha256 = ?, key_type = ?,
            profile = ?, source = ?, created = ?, checksum = ?
        WHERE id = ?)sql");
    const std::int64_t checksum = checksum_of_row(row.directory, row.names, row.facts);
    Execution(version)
        .bind(row.facts.not_before)
        .bind(row.facts.not_after)
        .bind(row.facts.serial)
        .bind(row.facts.sha256)
        .bind(row.facts.key_type)
        .bind(row.facts.profile)
        .bind(row.facts.source)
        .bind(row.facts.created)
        .bind(checksum)
        .bind(row.id)
        .run();
    return true;
}

bool write_whole(SQLite::Database& database, const VersionRow& row) {
    SQLite::Statement version(database, "UPDATE version SET certificate_id = ? WHERE id = ?");
    Execution(version).bind(row.certificate_id).bind(row.id).run();
    SQLite::Statement certificate(database,
                                  "UPDATE certificate SET directory = ?, names = ? WHERE id = ?");
    Execution(certificate).bind(row.directory).bind(row.names).bind(row.certificate_id).run();
    return write_facts(database, row);
}

/// An index has the text from before the damage, and SQLite changes no row whose entry it does not
/// find: the indexes come first. Where the damage made one name of two, none can be made before one
/// of them is right; then what can be written comes first. Without sound indexes at the end nothing
/// of it may stay.
bool write_identities(SQLite::Database& database,
                      std::vector<VersionRow> rows,
                      std::vector<VersionRow>& written) {
    for (int pass = 1; pass <= 2; ++pass) {
        const bool indexed = reindex(database, reindex_schedules);
        std::erase_if(rows, [&](const VersionRow& row) {
            if (!attempt(database, [&] { return write_whole(database, row); })) return false;
            written.push_back(row);
            return true;
        });
        if (indexed) return true;
    }
    return false;
}

bool same_identity(const VersionRow& a, const VersionRow& b) {
    return a.certificate_id == b.certificate_id && a.directory == b.directory && a.names == b.names;
}

struct Mended {
    std::vector<VersionRow> rows;
    std::vector<WrongCurrent> currents;
    std::vector<WrongCurrent> currents_left;
    bool indexes = false;
};

void mend_currents(SQLite::Database& database, Mended& mended) {
    const std::vector<WrongCurrent> wrong = find_wrong_currents(database);
    if (!wrong.empty()) (void)reindex(database, reindex_schedules);
    for (const WrongCurrent& current : wrong) {
        const bool made = attempt(database, [&] {
            SQLite::Statement update(
                database, "UPDATE certificate SET current_version = nullif(?, 0) WHERE id = ?");
            Execution(update).bind(current.newest.id).bind(current.certificate_id).run();
            return true;
        });
        (made ? mended.currents : mended.currents_left).push_back(current);
    }
}

bool schedules_agree(SQLite::Database& database) {
    for (const std::string table : {"certificate", "version"})
        if (database.execAndGet("PRAGMA integrity_check(" + table + ")").getString() != "ok")
            return false;
    return true;
}

Mended mend(SQLite::Database& database,
            const std::vector<VersionRow>& damaged,
            const std::vector<VersionRow>& good,
            bool indexes) {
    Mended mended;
    mended.rows = write_rows(database, good);
    if (indexes)
        mended.indexes = reindex(database, "REINDEX");
    else if (mended.rows.size() < damaged.size() && !schedules_agree(database))
        // A certificate is found by the name its row has, or ordered again at each start.
        (void)reindex(database, reindex_schedules);
    mend_currents(database, mended);
    return mended;
}

std::vector<VersionRow> find_rows_of_copy(const std::string& path,
                                          const std::vector<VersionRow>& damaged) {
    const std::string copy_path = path + copy_ending;
    if (damaged.empty() || file_size(copy_path) == 0) return {};
    try {
        return find_good_rows(*open_for_reading(copy_path, Sharing::immutable), damaged);
    } catch (const SQLite::Exception&) {
        return {};
    }
}

/// One line for each, up to a bound.
class Lines {
 public:
    Lines(Log& log, const std::string& path, const char* event, const char* message)
        : log_(log), path_(path), event_(event), message_(message) {}
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;
    ~Lines() {
        if (told_ <= lines_max) return;
        const std::uint64_t more = told_ - lines_max;
        log_.error(event_, message_, {{"storage", path_}, {"more", more}});
    }
    void add(const char* what, const VersionRow& row) {
        if (++told_ > lines_max) return;
        log_.error(event_,
                   message_,
                   {{"storage", path_},
                    {"damaged", what},
                    {"names", names_of_row(row)},
                    {"serial", row.facts.serial}});
    }
    void add(const char* what) {
        ++told_;
        log_.error(event_, message_, {{"storage", path_}, {"damaged", what}});
    }

 private:
    Log& log_;
    const std::string& path_;
    const char* event_;
    const char* message_;
    std::size_t told_ = 0;
};

void tell(const std::vector<VersionRow>& damaged,
          const Mended& mended,
          bool indexes,
          const std::string& path,
          Log& log) {
    Lines good(
        log, path, "store_mended", "a part of the store was damaged; it is what was stored again");
    Lines bad(log,
              path,
              "store_damaged_row",
              "a part of the store is damaged and stays so: the copy does not have it, or what "
              "else is stored does not allow it");
    for (const VersionRow& row : mended.rows) good.add("names or dates", row);
    for (const WrongCurrent& current : mended.currents) good.add("current version", current.newest);
    for (const VersionRow& row : damaged) {
        const bool is_mended = std::any_of(mended.rows.begin(),
                                           mended.rows.end(),
                                           [&](const VersionRow& one) { return one.id == row.id; });
        if (!is_mended) bad.add("names or dates", row);
    }
    for (const WrongCurrent& current : mended.currents_left)
        bad.add("current version", current.newest);
    if (indexes) (mended.indexes ? good : bad).add("indexes");
}

}  // namespace

std::vector<VersionRow> write_rows(SQLite::Database& database,
                                   const std::vector<VersionRow>& rows) {
    std::vector<VersionRow> written;
    std::vector<VersionRow> elsewhere;
    for (const VersionRow& row : rows) {
        const auto found = find_row(database, row.id);
        if (!found) continue;
        if (!same_identity(*found, row))
            elsewhere.push_back(row);
        else if (attempt(database, [&] { return write_facts(database, row); }))
            written.push_back(row);
    }
    std::vector<VersionRow> identities;
    if (!elsewhere.empty() && attempt(database, [&] {
            return write_identities(database, std::move(elsewhere), identities);
        }))
        written.insert(written.end(), identities.begin(), identities.end());
    return written;
}

Status mend_rows(SQLite::Database& database, const std::string& path, bool indexes, Log& log) {
    const std::vector<VersionRow> damaged = find_damaged_rows(database);
    if (damaged.empty() && !indexes && find_wrong_currents(database).empty()) return {};
    Mended mended;
    try {
        SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
        mended = mend(database, damaged, find_rows_of_copy(path, damaged), indexes);
        transaction.commit();
    } catch (const SQLite::Exception& exception) {
        if (!is_of_the_content(exception)) return sqlite_error("cannot mend " + path, exception);
        mended = {};
    }
    tell(damaged, mended, indexes, path, log);
    return {};
}

}  // namespace mesh::store

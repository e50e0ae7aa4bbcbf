#include "store/row_damage.hpp"

#include "store/checksum.hpp"
#include "store/connection.hpp"
#include "store/database_file.hpp"
#include "store/statement.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>

#include <chrono>
#include <utility>

namespace mesh::store {
namespace {

constexpr const char* every_row = R"sql(
    SELECT v.id, v.certificate_id, coalesce(c.directory, ''), coalesce(c.names, ''), v.not_before,
           v.not_after, v.serial, v.sha256, v.key_type, v.profile, v.source, v.created, v.checksum
    FROM version AS v LEFT JOIN certificate AS c ON c.id = v.certificate_id)sql";

VersionRow read_row(const SQLite::Statement& statement) {
    Row row(statement);
    VersionRow version;
    version.id = row.number();
    version.certificate_id = row.number();
    version.directory = row.text();
    version.names = row.text();
    version.facts.not_before = row.time();
    version.facts.not_after = row.time();
    version.facts.serial = row.text();
    version.facts.sha256 = row.text();
    version.facts.key_type = row.text();
    version.facts.profile = row.text();
    version.facts.source = row.text();
    version.facts.created = row.time();
    if (!row.next_is_null()) version.checksum = row.number();
    return version;
}

std::int64_t sum_of(const VersionRow& row) {
    return checksum_of_row(row.directory, row.names, row.facts);
}

bool is_sound(const VersionRow& row) {
    return !row.checksum || *row.checksum == sum_of(row);
}

std::optional<VersionRow> find_row(SQLite::Database& database, std::int64_t id) {
    SQLite::Statement statement(database, std::string(every_row) + " WHERE v.id = ?");
    statement.bind(1, id);
    if (!statement.executeStep()) return std::nullopt;
    return read_row(statement);
}

/// nullopt also when another version has this number there: after an older backup was put in place.
std::optional<VersionRow> find_good_row(SQLite::Database& copy, const VersionRow& damaged) {
    auto found = find_row(copy, damaged.id);
    if (!found || !found->checksum || !is_sound(*found)) return std::nullopt;
    const bool same = found->checksum == damaged.checksum || sum_of(*found) == sum_of(damaged);
    return same ? std::move(found) : std::nullopt;
}

void write_row(SQLite::Database& database, const VersionRow& row) {
    SQLite::Statement version(database, R"sql(
        UPDATE version SET certificate_id = ?, not_before = ?, not_after = ?, serial = ?,
            sha256 = ?, key_type = ?, profile = ?, source = ?, created = ?, checksum = ?
        WHERE id = ?)sql");
    Execution(version)
        .bind(row.certificate_id)
        .bind(row.facts.not_before)
        .bind(row.facts.not_after)
        .bind(row.facts.serial)
        .bind(row.facts.sha256)
        .bind(row.facts.key_type)
        .bind(row.facts.profile)
        .bind(row.facts.source)
        .bind(row.facts.created)
        .bind(sum_of(row))
        .bind(row.id)
        .run();
    SQLite::Statement certificate(database,
                                  "UPDATE certificate SET directory = ?, names = ? WHERE id = ?");
    Execution(certificate).bind(row.directory).bind(row.names).bind(row.certificate_id).run();
}

std::vector<VersionRow> find_rows_of_copy(SQLite::Database& database,
                                          const std::string& path,
                                          const std::vector<std::int64_t>& ids) {
    const std::string copy_path = path + copy_ending;
    if (ids.empty() || file_size(copy_path) == 0) return {};
    try {
        return find_good_rows(*open_for_reading(copy_path, Sharing::immutable), database, ids);
    } catch (const SQLite::Exception&) {
        return {};
    }
}

/// The newest version is the current one, always.
constexpr const char* with_wrong_current =
    " WHERE current_version IS NOT "
    "(SELECT max(id) FROM version WHERE certificate_id = certificate.id)";

std::int64_t wrong_currents(SQLite::Database& database) {
    return database.execAndGet(std::string("SELECT count(*) FROM certificate") + with_wrong_current)
        .getInt64();
}

void mend_currents(SQLite::Database& database) {
    database.exec(
        std::string("UPDATE certificate SET current_version = "
                    "(SELECT max(id) FROM version WHERE certificate_id = certificate.id)") +
        with_wrong_current);
}

}  // namespace

std::int64_t checksum_of_row(const std::string& directory,
                             const std::string& names,
                             const VersionFacts& facts) {
    const auto text = [](WallTime time) {
        return std::to_string(
            std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
    };
    return checksum_of({directory,
                        names,
                        text(facts.not_before),
                        text(facts.not_after),
                        facts.serial,
                        facts.sha256,
                        facts.key_type,
                        facts.profile,
                        facts.source,
                        text(facts.created)});
}

std::vector<std::int64_t> find_damaged_rows(SQLite::Database& database) {
    SQLite::Statement statement(database, every_row);
    std::vector<std::int64_t> damaged;
    while (statement.executeStep())
        if (const VersionRow row = read_row(statement); !is_sound(row)) damaged.push_back(row.id);
    return damaged;
}

std::vector<VersionRow> find_good_rows(SQLite::Database& copy,
                                       SQLite::Database& database,
                                       const std::vector<std::int64_t>& ids) {
    std::vector<VersionRow> good;
    for (const std::int64_t id : ids) {
        const auto damaged = find_row(database, id);
        if (!damaged) continue;
        try {
            if (auto found = find_good_row(copy, *damaged)) good.push_back(*std::move(found));
        } catch (const SQLite::Exception&) {
            return good;
        }
    }
    return good;
}

void write_rows(SQLite::Database& database, const std::vector<VersionRow>& rows) {
    // An index has the text from before the damage: SQLite would not find its entry.
    database.exec("REINDEX");
    for (const VersionRow& row : rows) write_row(database, row);
}

Status mend_rows(SQLite::Database& database, const std::string& path, bool indexes, Log& log) {
    const std::vector<std::int64_t> ids = find_damaged_rows(database);
    const std::int64_t currents = wrong_currents(database);
    if (ids.empty() && currents == 0 && !indexes) return {};
    const std::vector<VersionRow> good = find_rows_of_copy(database, path, ids);
    std::string trouble;
    try {
        SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
        write_rows(database, good);
        mend_currents(database);
        transaction.commit();
    } catch (const SQLite::Exception& exception) {
        trouble = exception.what();
        // A name that became that of another certificate, for one: no index can be made of that.
        if (!good.empty())
            return Error{Errc::corrupt, Origin::internal, path + " is damaged: " + trouble};
    }
    if (trouble.empty() && good.size() < ids.size())
        trouble = "the copy does not have all of it either";
    log.error("store_mended",
              trouble.empty() ? "parts of the store were damaged; they are what was stored again"
                              : "parts of the store are damaged and stay so",
              {{"storage", path},
               {"rows", std::uint64_t{ids.size()}},
               {"rows_of_the_copy", std::uint64_t{good.size()}},
               {"current_versions", currents},
               {"indexes", indexes},
               {"reason", trouble}});
    return {};
}

}  // namespace mesh::store

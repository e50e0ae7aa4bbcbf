#include "store/inspection.hpp"

#include "store/database_file.hpp"
#include "store/names_text.hpp"
#include "store/online_copy.hpp"
#include "store/queries.hpp"
#include "store/read_pool.hpp"
#include "store/row_damage.hpp"
#include "store/schema.hpp"
#include "store/sqlite_error.hpp"
#include "store/statement.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <algorithm>
#include <optional>

namespace mesh::store {
namespace {

constexpr std::size_t findings_max = 100;

/// The real path of a store that can be looked at.
Result<std::string> find_store(const std::string& path) {
    Result<std::string> real = resolved_path(path);
    if (!real) return real.error();
    if (!file_exists(*real))
        return Error{Errc::not_found, Origin::config, "there is no store at " + *real};
    if (const Status local = check_file_system(*real); !local) return local.error();
    if (const Status allowed = check_may_read(*real); !allowed) return allowed.error();
    return real;
}

/// What `look` finds in a store of ours.
template <class Look>
auto look_into(const std::string& path, Look look)
    -> Result<decltype(look(std::declval<SQLite::Database&>()))> {
    using Found = decltype(look(std::declval<SQLite::Database&>()));
    const Result<std::string> real = find_store(path);
    if (!real) return real.error();
    ReadPool pool(*real, ReadPool::Owner::maybe_other, TestHooks{});
    std::optional<Error> refused;
    Result<Found> found = pool.read([&](SQLite::Database& database) {
        refused.reset();  // the files may have changed since the look before
        const Result<SchemaState> schema = examine_schema(database, *real);
        if (!schema) refused = schema.error();
        if (schema && *schema == SchemaState::empty)
            refused = Error{Errc::not_found, Origin::config, *real + " is empty"};
        if (schema && *schema == SchemaState::older)
            refused = Error{Errc::unsupported,
                            Origin::config,
                            *real + " has an older schema: start mesh on it once"};
        return refused ? Found{} : look(database);
    });
    if (refused) return *refused;
    if (!found && found.error().code == Errc::corrupt)
        if (const Status content = check_content(*real); !content) return content.error();
    return found;
}

void add_rows(std::vector<std::string>& findings,
              SQLite::Database& database,
              const std::string& query) {
    SQLite::Statement rows(database, query);
    while (findings.size() < findings_max && rows.executeStep()) {
        std::string line;
        for (int column = 0; column < rows.getColumnCount(); ++column)
            line += (column == 0 ? "" : " ") + rows.getColumn(column).getString();
        std::replace(line.begin(), line.end(), '\n', ' ');
        if (line != "ok") findings.push_back(std::move(line));
    }
}

/// "a.example, b.example (serial 0a1b)".
std::string said(const VersionRow& row) {
    return names_of_row(row) + " (serial " + row.facts.serial + ')';
}

std::vector<std::string> findings_of(SQLite::Database& database) {
    std::vector<std::string> findings;
    try {
        add_rows(findings, database, "PRAGMA integrity_check(100)");
        add_rows(findings,
                 database,
                 "SELECT 'a row of ' || \"table\" || ' points to none of ' || parent "
                 "FROM pragma_foreign_key_check");
        for (const StoredAccount& account : read_accounts(database))
            if (account.damaged)
                findings.push_back("the account key of " + account.record.directory +
                                   " is damaged");
        for (const VersionRow& row : find_damaged_rows(database))
            findings.push_back("names or dates of " + said(row) + " are damaged");
        for (const WrongCurrent& current : find_wrong_currents(database))
            findings.push_back("the current version of " + said(current.newest) +
                               " is not its newest");
    } catch (const SQLite::Exception& exception) {
        // What stopped the search is a finding too, and perhaps the only one.
        findings.push_back(sqlite_error("the check ended early", exception).message);
    }
    return findings;
}

InspectedVersion read_inspected(Row& row) {
    InspectedVersion version;
    version.version_id = row.number();
    version.key.directory = row.text();
    version.key.names = names_of(row.text());
    version.current = row.number() != 0;
    version.facts.not_before = row.time();
    version.facts.not_after = row.time();
    version.facts.serial = row.text();
    version.facts.sha256 = row.text();
    return version;
}

std::vector<InspectedVersion> list_versions(SQLite::Database& database) {
    SQLite::Statement rows(database, R"sql(
        SELECT v.id, c.directory, c.names, v.id = c.current_version, v.not_before, v.not_after,
               v.serial, v.sha256
        FROM version AS v JOIN certificate AS c ON c.id = v.certificate_id
        ORDER BY c.id, v.id)sql");
    std::vector<InspectedVersion> versions;
    while (rows.executeStep()) {
        Row row(rows);
        versions.push_back(read_inspected(row));
    }
    return versions;
}

/// not_found, with no message, when the owner deleted the version meanwhile.
Result<VersionMaterial> find_material(ReadPool& pool, std::int64_t id) {
    bool has_row = false;
    auto found = pool.read([&](SQLite::Database& database) {
        has_row = !sha256_of_version(database, id).empty();
        return read_version(database, id);
    });
    if (!found) return found.error();
    if (*found) return **std::move(found);
    return Error{
        Errc::not_found, Origin::internal, has_row ? "chain and key are missing" : std::string()};
}

/// Of the store's own files none may become its backup.
Status check_target(const std::string& path, const std::string& to) {
    const Result<std::string> real = resolved_path(to);
    if (!real) return real.error();
    for (const std::string ending :
         {"", "-wal", "-shm", "-journal", ".lock", copy_ending, ".new", ".last.new", ".suspect"})
        if (*real == path + ending)
            return Error{Errc::conflict,
                         Origin::config,
                         to + " belongs to the store itself: name another file"};
    if (file_exists(*real)) return Error{Errc::conflict, Origin::config, to + " exists already"};
    return {};
}

}  // namespace

Result<std::vector<std::string>> inspect_database(const std::string& path) {
    return look_into(path, findings_of);
}

Status inspect_versions(const std::string& path,
                        const std::function<void(const InspectedVersion&)>& look) {
    auto versions = look_into(path, list_versions);
    if (!versions) return versions.error();
    ReadPool pool(*resolved_path(path), ReadPool::Owner::maybe_other, TestHooks{});
    for (InspectedVersion& version : *versions) {
        version.material = find_material(pool, version.version_id);
        if (!version.material && version.material.error().message.empty()) continue;
        look(version);
        version.material = Error{};
    }
    return {};
}

Status back_up(const std::string& path, const std::string& to) {
    const Result<std::string> real = find_store(path);
    if (!real) return real.error();
    if (const Status target = check_target(*real, to); !target) return target.error();
    Result<DraftFile> draft = DraftFile::create_beside(to);
    if (!draft) return draft.error();
    Status copied;
    const auto read = look_into(path, [&](SQLite::Database& database) {
        copied = copy_database(database, *draft, [] { return true; });
        return true;
    });
    if (!read) return read.error();
    if (!copied) return copied.error();
    if (const Status whole = check_copy(draft->name()); !whole) return whole.error();
    return draft->publish_as_new(to);
}

}  // namespace mesh::store

#include "store/row_damage.hpp"

#include "store/checksum.hpp"
#include "store/statement.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
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

/// A number as checksum_of_row() writes it.
class NumberText {
 public:
    explicit NumberText(std::int64_t number) {
        char* const end = std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr;
        size_ = static_cast<std::size_t>(end - text_.data());
    }
    [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

 private:
    std::array<char, 24> text_{};
    std::size_t size_ = 0;
};

/// What is_sound() says of it, without making a row of it: nearly all are, and a start looks at
/// every one.
bool current_is_sound(const SQLite::Statement& statement) {
    Row row(statement);
    row.skip(2);
    const std::string_view directory = row.view();
    const std::string_view names = row.view();
    const NumberText not_before(row.number());
    const NumberText not_after(row.number());
    const std::string_view serial = row.view();
    const std::string_view sha256 = row.view();
    const std::string_view key_type = row.view();
    const std::string_view profile = row.view();
    const std::string_view source = row.view();
    const NumberText created(row.number());
    return row.next_is_null() || row.number() == store::checksum_of({directory,
                                                                     names,
                                                                     not_before.view(),
                                                                     not_after.view(),
                                                                     serial,
                                                                     sha256,
                                                                     key_type,
                                                                     profile,
                                                                     source,
                                                                     created.view()});
}

std::int64_t sum_of(const VersionRow& row) {
    return checksum_of_row(row.directory, row.names, row.facts);
}

bool is_sound(const VersionRow& row) {
    return !row.checksum || *row.checksum == sum_of(row);
}

/// nullopt also when another version has this number there: after an older backup was put in place.
std::optional<VersionRow> find_good_row(SQLite::Database& copy, const VersionRow& damaged) {
    auto found = find_row(copy, damaged.id);
    if (!found || !found->checksum || !is_sound(*found)) return std::nullopt;
    const bool same = found->checksum == damaged.checksum || sum_of(*found) == sum_of(damaged);
    return same ? std::move(found) : std::nullopt;
}

/// The newest version is the current one, always.
constexpr const char* with_another_current = R"sql(
    SELECT id, current_version, names FROM certificate WHERE current_version IS NOT
        (SELECT max(id) FROM version WHERE certificate_id = certificate.id))sql";

struct Pointer {
    std::int64_t certificate_id = 0;
    std::int64_t version_id = 0;
    std::string names;
};

std::vector<Pointer> find_suspicious(SQLite::Database& database) {
    SQLite::Statement statement(database, with_another_current);
    std::vector<Pointer> found;
    while (statement.executeStep()) {
        Row row(statement);
        Pointer& pointer = found.emplace_back();
        pointer.certificate_id = row.number();
        if (row.next_is_null())
            row.skip(1);
        else
            pointer.version_id = row.number();
        pointer.names = row.text();
    }
    return found;
}

/// nullopt when that cannot be told: a damaged row may belong to another certificate.
std::optional<VersionRow> newest_of(SQLite::Database& database, const Pointer& pointer) {
    SQLite::Statement statement(database,
                                std::string(every_row) + " WHERE v.certificate_id = ? OR v.id = ?");
    Execution execution(statement);
    execution.bind(pointer.certificate_id).bind(pointer.version_id);
    VersionRow newest;
    newest.names = pointer.names;
    while (execution.step()) {
        VersionRow row = read_row(statement);
        if (!row.checksum || !is_sound(row)) return std::nullopt;
        if (row.certificate_id == pointer.certificate_id && row.id > newest.id)
            newest = std::move(row);
    }
    return newest;
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

std::string names_of_row(const VersionRow& row) {
    std::string text;
    for (const char c : row.names) text += c == '\n' ? std::string(", ") : std::string(1, c);
    return text;
}

std::optional<VersionRow> find_row(SQLite::Database& database, std::int64_t id) {
    SQLite::Statement statement(database, std::string(every_row) + " WHERE v.id = ?");
    statement.bind(1, id);
    if (!statement.executeStep()) return std::nullopt;
    return read_row(statement);
}

std::vector<VersionRow> find_damaged_rows(SQLite::Database& database) {
    SQLite::Statement statement(database, every_row);
    std::vector<VersionRow> damaged;
    while (statement.executeStep())
        if (!current_is_sound(statement)) damaged.push_back(read_row(statement));
    return damaged;
}

std::vector<VersionRow> find_good_rows(SQLite::Database& copy,
                                       const std::vector<VersionRow>& damaged) {
    std::vector<VersionRow> good;
    for (const VersionRow& row : damaged) {
        try {
            if (auto found = find_good_row(copy, row)) good.push_back(*std::move(found));
        } catch (const SQLite::Exception&) {
            continue;  // another row may be on a page that can be read
        }
    }
    return good;
}

std::vector<WrongCurrent> find_wrong_currents(SQLite::Database& database) {
    std::vector<WrongCurrent> wrong;
    for (const Pointer& pointer : find_suspicious(database))
        if (auto newest = newest_of(database, pointer); newest && newest->id != pointer.version_id)
            wrong.push_back({pointer.certificate_id, *std::move(newest)});
    return wrong;
}

}  // namespace mesh::store

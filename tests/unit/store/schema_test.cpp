#include "store/schema.hpp"

#include "fixture.hpp"
#include "store/connection.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>

#include <array>
#include <sys/stat.h>

namespace mesh::store {
namespace {

constexpr std::array<Migration, 4> steps{{{1'000, "CREATE TABLE one (x TEXT) STRICT"},
                                          {1'001, "ALTER TABLE one ADD COLUMN y TEXT"},
                                          {2'000, "CREATE TABLE two (x TEXT) STRICT"},
                                          {3'000, "CREATE TABLE three (x TEXT) STRICT"}}};

std::span<const Migration> first(std::size_t count) {
    return {steps.data(), count};
}

std::string scalar(SQLite::Database& database, const std::string& query) {
    return database.execAndGet(query).getString();
}

void set_version(const std::string& path, int version) {
    SQLite::Database database(path, SQLite::OPEN_READWRITE);
    database.exec("PRAGMA user_version=" + std::to_string(version));
}

}  // namespace

TEST_CASE("schema: a new file gets every step and our mark", "[store][schema]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    (void)open_own(path);
    SQLite::Database database(path);
    CHECK(scalar(database, "PRAGMA user_version") == "1003");
    CHECK(database.execAndGet("PRAGMA application_id").getInt() == application_id);
    CHECK(scalar(database, "PRAGMA journal_mode") == "wal");
    CHECK(scalar(database, "PRAGMA integrity_check") == "ok");
    CHECK(scalar(database,
                 "SELECT count(*) FROM pragma_table_list WHERE strict = 0 AND "
                 "name NOT LIKE 'sqlite_%'") == "0");
}

TEST_CASE("schema: within a major, steps are added in place", "[store][schema]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    REQUIRE(migrate(database, path, first(1)));
    database.exec("INSERT INTO one VALUES ('kept')");
    REQUIRE(*examine_schema(database, path, first(2)) == SchemaState::older_minor);
    REQUIRE(*examine_schema(database, path, first(3)) == SchemaState::older);
    REQUIRE(migrate(database, path, first(2)));

    CHECK(scalar(database, "PRAGMA user_version") == "1001");
    CHECK(scalar(database, "SELECT x FROM one WHERE y IS NULL") == "kept");
    CHECK_FALSE(std::filesystem::exists(path + ".before-v1"));
    CHECK(*examine_schema(database, path, first(2)) == SchemaState::current);
}

TEST_CASE("schema: before a new major the database is kept, private, as the release before knew it",
          "[store][schema]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    REQUIRE(migrate(database, path, first(1)));
    database.exec("INSERT INTO one VALUES ('kept')");
    std::ofstream(path + ".before-v2") << "left over from an attempt that was interrupted";
    REQUIRE(migrate(database, path, steps));

    CHECK(scalar(database, "PRAGMA user_version") == "3000");
    for (const auto& [copy, version] :
         {std::pair{path + ".before-v2", "1001"}, std::pair{path + ".before-v3", "2000"}}) {
        INFO(copy);
        SQLite::Database kept(copy);
        CHECK(scalar(kept, "PRAGMA user_version") == version);
        CHECK(kept.execAndGet("PRAGMA application_id").getInt() == application_id);
        CHECK(scalar(kept, "SELECT x FROM one") == "kept");
        struct stat facts {};
        REQUIRE(::stat(copy.c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777U) == 0600);
    }
}

TEST_CASE("schema: a step that fails leaves the database at the step before", "[store][schema]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    constexpr std::array<Migration, 2> broken{
        {{1'000, "CREATE TABLE one (x TEXT) STRICT"},
         {1'001, "CREATE TABLE more (x TEXT) STRICT; CREATE TABLE one (x TEXT) STRICT"}}};
    const Status migrated = migrate(database, path, broken);
    REQUIRE_FALSE(migrated);
    CHECK_THAT(migrated.error().message, ContainsSubstring("cannot bring " + path));
    CHECK(scalar(database, "PRAGMA user_version") == "1000");
    CHECK(scalar(database, "SELECT count(*) FROM sqlite_schema") == "1");
}

TEST_CASE("schema: a newer minor is opened and used", "[store][schema]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string path = folder.file("mesh.db");
    (void)open_own(path);
    {
        SQLite::Database database(path, SQLite::OPEN_READWRITE);
        database.exec("ALTER TABLE certificate ADD COLUMN later TEXT NOT NULL DEFAULT 'kept'");
        database.exec("UPDATE certificate SET later = 'x'");
    }
    set_version(path, 1'007);
    {
        const auto store = open_own(path);
        CHECK(commit(*store, executor, {PutCertificate{a_certificate("a.example")}}));
        CHECK(store->certificates()->size() == 1);
    }
    SQLite::Database database(path);
    CHECK(scalar(database, "PRAGMA user_version") == "1007");
    CHECK(scalar(database, "SELECT later FROM certificate") == "kept");
}

TEST_CASE("schema: a newer major is refused and untouched", "[store][schema]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    (void)open_own(path);
    set_version(path, 2'003);
    const std::string before = bytes_of(path);
    NullLog log;
    for (const Access access : {Access::own, Access::read}) {
        const auto store = open(path, access, log);
        REQUIRE_FALSE(store);
        CHECK(store.error().code == Errc::unsupported);
        CHECK(store.error().message == path +
                                           " has schema 2.3, this mesh reads 1.x: run the newer "
                                           "mesh, or go back to " +
                                           path + ".before-v2");
        CHECK(bytes_of(path) == before);
    }
}

TEST_CASE("schema: another program's database is refused and untouched", "[store][schema]") {
    TempFolder folder;
    const std::string path = folder.file("other.db");
    {
        SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        database.exec("CREATE TABLE theirs (x)");
    }
    const std::string before = bytes_of(path);
    NullLog log;
    const auto store = open(path, Access::own, log);
    REQUIRE_FALSE(store);
    CHECK(store.error().code == Errc::unsupported);
    CHECK(store.error().message == path + " is another program's database: use another storage");
    CHECK(bytes_of(path) == before);
}

}  // namespace mesh::store

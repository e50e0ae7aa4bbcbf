// Power cuts and kills inside a commit and inside a migration, at each single write.
#include "child.hpp"
#include "fixture.hpp"
#include "store/schema.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>

#include <array>
#include <set>

namespace mesh::store {
namespace {

/// True when it lived to tell.
bool lives(const std::string& what, const std::string& path, int write, const std::string& how) {
    Child child({what, path, std::to_string(write), how}, KILLED_AT_WRITE);
    const std::string said = child.rest();
    const int code = child.wait();
    INFO(said);
    REQUIRE((code == 0 || code == -1));
    // A power cut takes the shared memory with it.
    if (how == "lost") std::filesystem::remove(path + "-shm");
    return said == "survived\n";
}

std::string copy_of(const std::string& path, const TempFolder& folder) {
    const std::string copy = folder.file("copy.db");
    for (const char* const suffix : {"", "-wal", "-shm", ".before-v2"})
        std::filesystem::remove(copy + suffix);
    std::filesystem::copy_file(path, copy);
    return copy;
}

/// "old" or "new", with everything that belongs to it.
std::string version_in(const std::string& path) {
    const auto store = open_own(path);
    const auto certificates = store->certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 1);
    const StoredCertificate& certificate = certificates->front();
    REQUIRE(certificate.version);
    const std::string serial = certificate.version->serial;
    const auto material = store->version(certificate.version_id);
    REQUIRE(material);
    CHECK(material->key_pem.reveal() == "key " + serial);
    CHECK(material->chain_pem.starts_with("chain " + serial));
    const auto orders = store->orders();
    REQUIRE(orders);
    CHECK(orders->empty() == (serial == "new"));
    return serial;
}

}  // namespace

TEST_CASE(
    "E79: killed or without power at any write of a commit, the old or the new is there, whole",
    "[store][crash]") {
    TempFolder folder;
    TestExecutor executor;
    const std::string good = folder.file("good.db");
    {
        const auto store = open_own(good);
        const CertificateKey key{"https://ca.example/dir", {"shop.example"}};
        CertificateRecord record;
        record.key = key;
        record.ordered_names = key.names;
        PutVersion version;
        version.key = key;
        version.chain_pem = "chain old";
        version.key_pem = Secret("key old");
        version.facts.serial = "old";
        OrderRecord order;
        order.key = key;
        order.names = key.names;
        REQUIRE(commit(*store, executor, {PutCertificate{record}, version, PutOrder{order}}));
    }
    const std::string how = GENERATE(as<std::string>{}, "whole", "half", "lost");
    std::set<std::string> found;
    int deaths = 0;
    for (int write = 1;; ++write) {
        const std::string path = copy_of(good, folder);
        const bool lived = lives("renew", path, write, how);
        INFO(how << ", write " << write);
        const std::string version = version_in(path);
        found.insert(version);
        CHECK((version == "new" || !lived));
        SQLite::Database database(path);
        CHECK(database.execAndGet("PRAGMA integrity_check").getString() == "ok");
        if (lived) break;
        ++deaths;
        REQUIRE(write < 1'000);
    }
    CHECK(deaths > 5);
    CHECK(found == std::set<std::string>{"old", "new"});
}

TEST_CASE(
    "E81: killed or without power at any write of a migration, both releases find what they can "
    "read",
    "[store][crash]") {
    constexpr std::array<Migration, 2> steps{
        {{1'000, "CREATE TABLE one (x TEXT) STRICT"},
         {2'000, "ALTER TABLE one ADD COLUMN y TEXT; UPDATE one SET y = x"}}};
    const std::span<const Migration> both(steps);
    const auto before = both.first(1);
    TempFolder folder;
    const std::string good = folder.file("good.db");
    {
        SQLite::Database database(good, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        database.exec("PRAGMA journal_mode=WAL");
        REQUIRE(migrate(database, good, before));
        database.exec("INSERT INTO one VALUES ('kept')");
    }
    const std::string how = GENERATE(as<std::string>{}, "whole", "half", "lost");
    std::set<SchemaState> found;
    int deaths = 0;
    for (int write = 1;; ++write) {
        const std::string path = copy_of(good, folder);
        const bool lived = lives("migrate", path, write, how);
        INFO(how << ", write " << write);
        {
            SQLite::Database database(path, SQLite::OPEN_READWRITE);
            const auto state = examine_schema(database, path, both);
            REQUIRE(state);
            found.insert(*state);
            CHECK((*state == SchemaState::current || !lived));
            // The release before opens the database while it is old, and its copy afterwards.
            const std::string old = *state == SchemaState::older ? path : path + ".before-v2";
            SQLite::Database older(old, SQLite::OPEN_READWRITE);
            CHECK(*examine_schema(older, old, before) == SchemaState::current);
            CHECK(older.execAndGet("SELECT x FROM one").getString() == "kept");
        }
        SQLite::Database database(path, SQLite::OPEN_READWRITE);
        REQUIRE(migrate(database, path, both));
        CHECK(database.execAndGet("SELECT y FROM one").getString() == "kept");
        CHECK(database.execAndGet("PRAGMA integrity_check").getString() == "ok");
        if (lived) break;
        ++deaths;
        REQUIRE(write < 1'000);
    }
    CHECK(deaths > 5);
    CHECK(found == std::set<SchemaState>{SchemaState::older, SchemaState::current});
}

}  // namespace mesh::store

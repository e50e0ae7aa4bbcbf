// Stores that a release with an older minor of the schema left.
#include "child.hpp"
#include "fixture.hpp"
#include "store/inspection.hpp"
#include "store/schema.hpp"

#include <SQLiteCpp/Database.h>

#include <sys/stat.h>
#include <unistd.h>

namespace mesh::store {
namespace {

/// As a mesh of schema 1.1, or 1.0, leaves it: one account, one CA, one certificate with two
/// versions, no checksum of a row.
void make_older(const std::string& path, std::size_t steps) {
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA journal_mode=WAL");
    REQUIRE(migrate(database, path, migrations().first(steps)));
    database.exec(R"sql(
        INSERT INTO account (directory, email, url, status, created, key)
            VALUES ('https://ca.example/dir', '', 'url', 'valid', 0, CAST('account key' AS BLOB));
        INSERT INTO authority VALUES ('https://ca.example/dir', 5000, 'busy');
        INSERT INTO certificate VALUES (1, 'https://ca.example/dir', 'a.example', 'a.example', 'le',
            '', 1, 7000, 'rateLimited', 'too many', 6000, NULL, 2);
        INSERT INTO version VALUES
            (1, 1, 1000, 2000, '0a', 'f1', 'EC256', '', 'acme', 1000),
            (2, 1, 2000, 3000, '0b', 'f2', 'EC256', '', 'acme', 2000);
        INSERT INTO version_material (version_id, chain, key) VALUES
            (1, 'older chain', CAST('older key' AS BLOB)),
            (2, 'chain', CAST('the key' AS BLOB));
    )sql");
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
}

void check_it_is_there(Store& store) {
    const auto accounts = store.accounts();
    REQUIRE(accounts);
    REQUIRE(accounts->size() == 1);
    CHECK(accounts->front().key_pem.reveal() == "account key");
    const auto authorities = store.authorities();
    REQUIRE(authorities);
    REQUIRE(authorities->size() == 1);
    CHECK(authorities->front().retry_not_before == at(5));
    CHECK_FALSE(authorities->front().asked_until);
    const auto certificates = store.certificates();
    REQUIRE(certificates);
    REQUIRE(certificates->size() == 1);
    const StoredCertificate& certificate = certificates->front();
    CHECK(certificate.record.next_at == at(7));
    CHECK_FALSE(certificate.record.asked_until);
    CHECK_FALSE(certificate.record.renewal_asked);
    REQUIRE(certificate.version);
    CHECK(certificate.version->serial == "0b");
    CHECK(store.version(certificate.version_id)->key_pem.reveal() == "the key");
    CHECK(store.versions(key_of({"a.example"}))->size() == 2);
    const auto configuration = store.configuration();
    REQUIRE(configuration);
    CHECK_FALSE(configuration->has_value());
}

}  // namespace

TEST_CASE("F88: a store of an older minor is brought to this one with all it holds",
          "[store][schema]") {
    for (const std::size_t steps : {1, 2}) {
        INFO("schema 1." << steps - 1);
        TempFolder folder;
        TestExecutor executor;
        RecordingLog log;
        const std::string path = folder.file("mesh.db");
        make_older(path, steps);
        const auto store = open_own(path, log);
        check_it_is_there(*store);
        CHECK(log.count("ERROR") == 0);
        PutVersion next = a_version("a.example", "next key");
        REQUIRE(commit(*store, executor, {next}));
        CHECK(store->certificates()->front().version->serial == next.facts.serial);
    }
}

TEST_CASE("F88: a command of this release reads a store of an older minor as it is",
          "[store][schema][read]") {
    for (const std::size_t steps : {1, 2}) {
        INFO("schema 1." << steps - 1);
        TempFolder folder;
        NullLog log;
        const std::string path = folder.file("mesh.db");
        make_older(path, steps);
        const std::string before = bytes_of(path);
        {
            const auto store = open(path, Access::read, log);
            REQUIRE(store);
            check_it_is_there(**store);
            const auto found = inspect_database(path);
            REQUIRE(found);
            CHECK(found->empty());
            std::size_t versions = 0;
            CHECK(inspect_versions(path, [&](const InspectedVersion& version) {
                CHECK(version.material.has_value());
                ++versions;
            }));
            CHECK(versions == 2);
            CHECK(back_up(path, folder.file("backup.db")));
        }
        CHECK(bytes_of(path) == before);

        // Beside its owner, which brings it to this minor meanwhile.
        const auto reader = open(path, Access::read, log);
        REQUIRE(reader);
        check_it_is_there(**reader);
        TestExecutor executor;
        const auto owner = open_own(path);
        CertificateRecord record = owner->certificates()->front().record;
        record.asked_until = at(9);
        REQUIRE(commit(*owner, executor, {PutCertificate{record}}));
        CHECK((*reader)->certificates()->front().record.asked_until == at(9));
    }
}

TEST_CASE("F88: a store of an older minor that cannot be written is served, degraded",
          "[store][schema][degraded]") {
    if (::geteuid() != 0) {
        WARN("only root can act as another user");
        return;
    }
    const std::string served =
        "event store_degraded\nnot writable\ncertificates 1\nkey the key\nnot applied ";
    TempFolder folder;
    make_older(folder.file("mesh.db"), 2);
    CHECK(Child({"own-without-room", folder.file("mesh.db")}).rest() == served + "io\n");
    REQUIRE(::chown(folder.path().c_str(), 65534, 65534) == 0);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        REQUIRE(::chown(entry.path().c_str(), 65534, 65534) == 0);
    REQUIRE(::chmod(folder.path().c_str(), 0500) == 0);
    CHECK(Child({"nobody-own", folder.file("mesh.db")}).rest() == served + "permission\n");
}

TEST_CASE("F87: rows of before 1.2 are neither mended nor taken from a copy of then",
          "[store][schema][damage]") {
    TempFolder folder;
    RecordingLog log;
    const std::string path = folder.file("mesh.db");
    make_older(path, 2);
    std::filesystem::copy_file(path, path + ".last");
    (void)open_own(path);  // 1.2 from now on, its copy still 1.1
    SQLite::Database(path, SQLite::OPEN_READWRITE, 5'000)
        .exec(
            "UPDATE certificate SET current_version = 1;"
            "UPDATE version SET checksum = 1 WHERE id = 1");
    {
        const auto store = open_own(path, log);
        CHECK(store->certificates()->front().version_id == 1);
        const auto copied = store->version_of_copy(2);
        REQUIRE(copied);
        CHECK(copied->key_pem.reveal() == "the key");
    }
    CHECK(log.count("store_restored") == 0);
    CHECK(log.count("store_damaged_row") == 1);
    CHECK(log.count("store_mended") == 0);
}

}  // namespace mesh::store

#include "store/read_pool.hpp"

#include "fixture.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

namespace mesh::store {

TEST_CASE("read pool: damage seen while an owner writes is looked at again", "[store][read]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    open_own(path).reset();
    ReadPool pool(path, ReadPool::Owner::maybe_other, {});
    int looks = 0;
    const auto seen = pool.read([&](SQLite::Database&) {
        if (++looks == 1) {
            // As an owner does that moves its log into the file.
            std::filesystem::last_write_time(
                path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
            throw SQLite::Exception("database disk image is malformed", SQLITE_CORRUPT);
        }
        return looks;
    });
    REQUIRE(seen);
    CHECK(*seen == 2);
}

TEST_CASE("read pool: damage that stays is reported at once", "[store][read]") {
    TempFolder folder;
    const std::string path = folder.file("mesh.db");
    open_own(path).reset();
    ReadPool pool(path, ReadPool::Owner::maybe_other, {});
    int looks = 0;
    const auto seen = pool.read([&](SQLite::Database&) -> int {
        ++looks;
        throw SQLite::Exception("database disk image is malformed", SQLITE_CORRUPT);
    });
    REQUIRE_FALSE(seen);
    CHECK(seen.error().code == Errc::corrupt);
    CHECK(looks == 1);
}

}  // namespace mesh::store

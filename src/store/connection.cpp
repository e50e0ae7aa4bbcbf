#include "store/connection.hpp"

#include "store/database_file.hpp"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <chrono>
#include <string_view>

namespace mesh::store {
namespace {

void harden(SQLite::Database& database) {
    sqlite3* const handle = database.getHandle();
    int* const ignored = nullptr;
    database.check(sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, ignored));
    database.check(sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, ignored));
    database.check(sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, ignored));
    database.exec(
        "PRAGMA cell_size_check=ON;"
        "PRAGMA temp_store=MEMORY;"
        // Through a mapping, an I/O error would be a SIGBUS.
        "PRAGMA mmap_size=0;");
}

/// "file:" plus the path, with what an URI gives a meaning escaped.
std::string uri_of(const std::string& path, std::string_view query) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string uri = "file:";
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#') {
            const auto byte = static_cast<unsigned char>(c);
            uri += '%';
            uri += digits[byte >> 4U];
            uri += digits[byte & 15U];
        } else {
            uri += c;
        }
    }
    uri += '?';
    uri += query;
    return uri;
}

Connection open(const std::string& name, int flags, const std::string& vfs = {}) {
    auto connection = std::make_unique<SQLite::Database>(
        name, flags | SQLite::OPEN_NOMUTEX, static_cast<int>(busy_timeout.count()), vfs);
    // What meets damage below leaves the database as it was found, its log beside it.
    move_log_on_close(*connection, false);
    harden(*connection);
    return connection;
}

/// SQLite deletes the log beside an empty database, also when asked to read only.
void refuse_emptied(const std::string& path) {
    if (file_exists(path) && file_size(path) == 0 && file_size(path + "-wal") != 0)
        throw SQLite::Exception("the file is empty, but its log holds data", SQLITE_CORRUPT);
}

}  // namespace

Connection open_for_writing(const std::string& path) {
    Connection connection = open(path, SQLite::OPEN_READWRITE);
    connection->exec(
        "PRAGMA synchronous=FULL;"
        "PRAGMA secure_delete=ON;"
        "PRAGMA cache_size=-8192;"
        // After a big import, give the space back at the next checkpoint.
        "PRAGMA journal_size_limit=16777216;");
    move_log_on_close(*connection, true);
    return connection;
}

void enter_wal_mode(SQLite::Database& database) {
    const std::string mode = database.execAndGet("PRAGMA journal_mode=WAL").getString();
    if (mode != "wal")
        throw SQLite::Exception("the file system does not support a write-ahead log", SQLITE_IOERR);
}

void move_log_on_close(SQLite::Database& database, bool on) {
    int* const ignored = nullptr;
    database.check(sqlite3_db_config(
        database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, ignored));
}

Connection open_for_reading(const std::string& path, Sharing sharing) {
    refuse_emptied(path);
    switch (sharing) {
        case Sharing::locked:
            return open(path, SQLite::OPEN_READONLY);
        case Sharing::immutable:
            return open(uri_of(path, "immutable=1"), SQLite::OPEN_READONLY | SQLite::OPEN_URI);
        case Sharing::private_wal:
            break;
    }
    // Without locks and in exclusive mode SQLite keeps the index of the WAL on the heap.
    Connection connection = open(path, SQLite::OPEN_READONLY, "unix-none");
    connection->exec("PRAGMA locking_mode=EXCLUSIVE");
    return connection;
}

}  // namespace mesh::store

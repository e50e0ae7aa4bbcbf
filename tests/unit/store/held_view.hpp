#pragma once
#include <SQLiteCpp/Database.h>

#include <string>

namespace mesh::store {

/// A reader in the middle of its view: while it lives, the log beside the database is not cut,
/// however long the test takes.
class HeldView {
 public:
    explicit HeldView(const std::string& path) : database_(path, SQLite::OPEN_READWRITE, 5'000) {
        database_.exec("BEGIN");
        database_.execAndGet("SELECT count(*) FROM sqlite_master");
    }

 private:
    SQLite::Database database_;
};

}  // namespace mesh::store

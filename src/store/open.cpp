#include "store/database_file.hpp"
#include "store/schema.hpp"
#include "store/sqlite_error.hpp"
#include "store/sqlite_store.hpp"
#include "store/store.hpp"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <optional>
#include <utility>

namespace mesh::store {
namespace {

/// Faults of the place a store is in, not of what it holds: reading may still work.
bool is_fault_of_the_disk(const Error& error) {
    return error.code == Errc::permission || error.code == Errc::full || error.code == Errc::io;
}

Error not_readable(const std::string& path, const SQLite::Exception& exception) {
    // Nothing of SQLite has this file open now, so it may be looked into.
    if ((exception.getErrorCode() & 0xff) == SQLITE_NOTADB)
        if (const Status content = check_content(path); !content) return content.error();
    return sqlite_error("cannot open " + path, exception);
}

Result<Connection> open_writer(const std::string& path, Log& log) {
    try {
        Connection writer = open_for_writing(path);
        const Result<SchemaState> schema = examine_schema(*writer, path);
        if (!schema) return schema.error();
        narrow_modes(path, log);  // the log made next copies the mode of the database file
        enter_wal_mode(*writer);
        if (*schema != SchemaState::current)
            if (const Status migrated = migrate(*writer, path); !migrated) return migrated.error();
        return writer;
    } catch (const SQLite::Exception& exception) {
        return not_readable(path, exception);
    }
}

/// Says why a store that can be reached cannot be read; opens nothing for longer than that.
Status check_readable(const std::string& path, TestHooks hooks) {
    ReadPool pool(path, ReadPool::Owner::maybe_other, hooks);
    Result<SchemaState> schema = SchemaState::empty;
    const Result<bool> looked = pool.read([&](SQLite::Database& database) {
        schema = examine_schema(database, path);
        return true;
    });
    if (!looked) {
        if (looked.error().code == Errc::corrupt)
            if (const Status content = check_content(path); !content) return content.error();
        return looked.error();
    }
    if (!schema) return schema.error();
    switch (*schema) {
        case SchemaState::current:
            return {};
        case SchemaState::empty:
            return Error{Errc::not_found, Origin::config, path + " is empty"};
        case SchemaState::older:
            break;
    }
    return Error{
        Errc::unsupported, Origin::config, path + " has an older schema: start mesh on it once"};
}

using Opened = Result<std::unique_ptr<Store>>;

Opened open_to_read(const std::string& path, Log& log) {
    if (!file_exists(path))
        return Error{Errc::not_found, Origin::config, "there is no store at " + path};
    if (const Status allowed = check_may_read(path); !allowed) return allowed.error();
    const TestHooks hooks = TestHooks::from_environment(log);
    if (const Status readable = check_readable(path, hooks); !readable) return readable.error();
    return Opened(std::make_unique<SqliteStore>(path, std::nullopt, hooks, log));
}

Opened open_degraded(const std::string& path, const std::string& reason, Log& log) {
    Opened opened = open_to_read(path, log);
    if (opened)
        log.error(
            "store_degraded",
            "the store cannot be written: stored certificates are served, none is ordered; mend "
            "this and start mesh again",
            {{"storage", path}, {"reason", reason}});
    return opened;
}

Opened open_to_own(const std::string& path, Log& log) {
    if (const Status owner = check_owner(path); !owner) {
        // No chown is asked for where another refusal would follow; what cannot be looked into is
        // what the chown is for.
        const Status content = check_content(path);
        if (!content && content.error().code != Errc::permission) return content.error();
        return owner.error();
    }
    const bool existed = file_exists(path);
    if (existed)
        if (const auto reason = why_read_only(path)) return open_degraded(path, *reason, log);
    if (const Status created = create_private_file(path); !created) return created.error();

    Result<OwnershipLock> lock = OwnershipLock::take(path);
    if (!lock) {
        if (file_size(path) != 0 && is_fault_of_the_disk(lock.error()))
            return open_degraded(path, lock.error().message, log);
        return lock.error();
    }
    if (const Status content = check_content(path); !content) {
        lock->leave_no_trace();
        return content.error();
    }
    Result<Connection> writer = open_writer(path, log);
    if (!writer) {
        if (file_size(path) != 0 && is_fault_of_the_disk(writer.error()))
            return open_degraded(path, writer.error().message, log);
        return writer.error();
    }
    const TestHooks hooks = TestHooks::from_environment(log);
    return Opened(std::make_unique<SqliteStore>(
        path, SqliteStore::Ownership{*std::move(lock), *std::move(writer)}, hooks, log));
}

}  // namespace

Result<std::unique_ptr<Store>> open(const std::string& path, Access access, Log& log) {
    const Result<std::string> resolved = resolved_path(path);
    if (!resolved) return resolved.error();
    if (const Status local = check_file_system(*resolved); !local) return local.error();
    try {
        return access == Access::own ? open_to_own(*resolved, log) : open_to_read(*resolved, log);
    } catch (const SQLite::Exception& exception) {
        return sqlite_error("cannot open " + *resolved, exception);
    }
}

std::string runtime_version() {
    return std::string("SQLite ") + sqlite3_libversion();
}

std::string build_version() {
    return "SQLite " SQLITE_VERSION;
}

}  // namespace mesh::store
